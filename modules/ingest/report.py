"""What a run counted, as it is kept with the artifact; other nodes read it."""

from __future__ import annotations

import json
import os
from typing import NamedTuple

from apache_beam.io.filesystems import FileSystems

from modules.messages.quoting import MOST_CHARACTERS, quote, with_rest

REJECTS_FOLDER = "rejects"
REPORT_NAME = "report.json"


class Reject(NamedTuple):
    """A row that cannot be used: where it is and why; fields in the order that sorts them.

    `rank` is the file's place among its split's files by name, `offset` the row's first byte in the
    file's (uncompressed) text, `more` how many characters `text` was cut by.
    """

    split: str
    rank: int
    offset: int
    path: str
    reason: str
    text: str
    more: int = 0

    def cut(self) -> Reject:
        """Returns the reject with no more of its text than messages show: rows may be huge."""
        more = self.more + max(0, len(self.text) - MOST_CHARACTERS)
        return self._replace(text=self.text[:MOST_CHARACTERS], more=more)

    def quoted(self) -> str:
        """Returns the text as messages show it."""
        kept = self.cut()
        return with_rest(quote(kept.text), kept.more)

    def to_json(self) -> str:
        """Formats the line that goes to the rejects file."""
        values = {
            "split": self.split,
            "file": self.path,
            "offset": self.offset,
            "reason": self.reason,
            "text": self.text,
        }
        return json.dumps(values, ensure_ascii=False)


class Report(NamedTuple):
    """Counts by name, the first rejects of each split, errors met while reading, items by split."""

    counts: dict[str, int]
    rejects: list[Reject] = []  # noqa: RUF012 (a NamedTuple's default, never changed)
    errors: list[str] = []  # noqa: RUF012
    items: dict[str, set[bytes]] = {}  # noqa: RUF012

    def to_json(self) -> str:
        """Formats the report for the artifact's folder; items become counts."""
        counts = {**self.counts, **{f"{name}.items": len(ids) for name, ids in self.items.items()}}
        return json.dumps({"counts": counts, "rejects": self.rejects, "errors": self.errors})

    @classmethod
    def from_json(cls, text: str | bytes) -> Report:
        """Reads what `to_json` wrote."""
        values = json.loads(text)
        rejects = [Reject(*reject) for reject in values["rejects"]]
        return cls(values["counts"], rejects, values["errors"])


def read_report(uri: str) -> Report:
    """Reads what `write_report` wrote."""
    with FileSystems.open(os.path.join(uri, REJECTS_FOLDER, REPORT_NAME)) as file:
        return Report.from_json(file.read())
