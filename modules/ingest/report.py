"""The report of a run, as stored with the artifact for other nodes."""

from __future__ import annotations

import json
import os
from typing import NamedTuple

from apache_beam.io.filesystems import FileSystems

from modules.messages.quoting import MOST_CHARACTERS, quote, with_rest

REJECTS_FOLDER = "rejects"
REPORT_NAME = "report.json"


class Reject(NamedTuple):
    """A bad row, with fields in the order that sorts rows.

    Attributes:
      rank: position of the file among its split's files.
      offset: offset of the row in the file: in bytes of its (uncompressed) text, or in rows.
      more: number of characters that were cut from `text`.
      counted: what `offset` counts, `byte` or `row`.
    """

    split: str
    rank: int
    offset: int
    path: str
    reason: str
    text: str
    more: int = 0
    counted: str = "byte"

    def cut(self) -> Reject:
        """Returns the reject with only the text that messages show: rows may be huge."""
        more = self.more + max(0, len(self.text) - MOST_CHARACTERS)
        return self._replace(text=self.text[:MOST_CHARACTERS], more=more)

    def quoted(self) -> str:
        """Returns the text as messages show it."""
        kept = self.cut()
        return with_rest(quote(kept.text), kept.more)

    def to_json(self) -> str:
        """Returns the line of the rejects file."""
        names = ("split", "file", "offset", "reason", "text")
        values = (self.split, self.path, self.offset, self.reason, self.text)
        return json.dumps(dict(zip(names, values, strict=True)), ensure_ascii=False)


class Report(NamedTuple):
    """Counts by name, the first rejects of each split, and errors."""

    counts: dict[str, int]
    rejects: list[Reject] = []  # noqa: RUF012 (a NamedTuple's default, never changed)
    errors: list[str] = []  # noqa: RUF012

    def to_json(self) -> str:
        """Returns the report as JSON."""
        return json.dumps(self._asdict())

    @classmethod
    def from_json(cls, text: str | bytes) -> Report:
        """Reverses `to_json`."""
        values = json.loads(text)
        rejects = [Reject(*reject) for reject in values["rejects"]]
        return cls(values["counts"], rejects, values["errors"])


def read_report(uri: str) -> Report:
    """Reads the report in an artifact's folder."""
    with FileSystems.open(os.path.join(uri, REJECTS_FOLDER, REPORT_NAME)) as file:
        return Report.from_json(file.read())
