"""The rows of the request log: a session, the answer, and the version that gave it.

A file is tab-separated text with a header. Its columns `SessionId`, `ItemId` and `Time` are those
of a click log, with the latest item of the request as the click, so that a request log can be read,
and joined, as one. Lists are JSON.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

COLUMNS = (
    "SessionId",
    "ItemId",
    "Time",
    "VisitorId",
    "Items",
    "Version",
    "Label",
    "Signature",
    "Answers",
    "Milliseconds",
)
HEADER = "\t".join(COLUMNS) + "\n"
_END = 4e9  # seconds since 1970, the year 2096
PATTERN = "requests-*.tsv"
"""Pattern of the files' names: `requests-<hour, UTC>-<name of the server>.tsv`."""


class LoggedRequest(NamedTuple):
    """One session of a request, and its answer.

    Attributes:
      session_id: id that the client gave, "" if it gave none.
      time: when the answer was ready, seconds since 1970.
      visitor: keyed hash of the visitor's id, "" if the client gave none.
      items: ids of the session's items as they came, the latest last.
      version: version of the model.
      label: label of that version when it answered: `stable`, `canary` or "".
      signature: name of the signature.
      answers: recommended ids, the best first; at most the first 20.
      milliseconds: time from reading the request to its answer.
    """

    session_id: str
    time: float
    visitor: str
    items: tuple[str, ...]
    version: int
    label: str
    signature: str
    answers: tuple[str, ...]
    milliseconds: float

    def line(self) -> str:
        r"""Returns the row, with its line end.

        >>> LoggedRequest("s", 1.5, "", ("a", "b"), 7, "stable", "recommend", ("c",), 2.25).line()
        's\tb\t1.500000\t\t["a", "b"]\t7\tstable\trecommend\t["c"]\t2.250\n'
        """
        values = (
            _plain(self.session_id),
            _plain(self.items[-1] if self.items else ""),
            f"{self.time:.6f}",
            self.visitor,
            json.dumps(self.items, ensure_ascii=False),
            str(self.version),
            self.label,
            self.signature,
            json.dumps(self.answers, ensure_ascii=False),
            f"{self.milliseconds:.3f}",
        )
        return "\t".join(values) + "\n"


def _plain(text: str) -> str:
    """Returns text without what ends a field or a line, as the reader of click logs sees lines."""
    return "".join(" " if part in "\t\r\n" else part for part in text)


def read_line(line: str) -> LoggedRequest:
    """Returns the request of a row.

    Raises:
      ValueError: it is not a row of a request log, as the last one after a crash.
    """
    values = line.removesuffix("\n").split("\t")
    if len(values) != len(COLUMNS):
        raise ValueError(f"a row must have {len(COLUMNS)} columns, got {len(values)}")
    session, _, time, visitor, items, version, label, signature, answers, took = values
    if not 0 <= float(time) < _END:
        raise ValueError(f"{time} is not a time")
    return LoggedRequest(
        session,
        float(time),
        visitor,
        _ids(items),
        int(version),
        label,
        signature,
        _ids(answers),
        float(took),
    )


def _ids(text: str) -> tuple[str, ...]:
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise ValueError(f"{text[:100]} is nested too deeply") from error
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise ValueError(f"{text[:100]} is not a list of ids")
    return tuple(found)


def log_files(folder: str | os.PathLike[str]) -> list[Path]:
    """Returns the files of a request log, the earliest hour first."""
    return sorted(Path(folder).glob(PATTERN))


def read_requests(files: Iterable[Path]) -> Iterator[LoggedRequest | None]:
    """Yields the request of each row, None for a row that is not whole."""
    for file in files:
        with file.open(encoding="utf-8", errors="replace", newline="\n") as lines:
            for line in lines:
                if line == HEADER:
                    continue
                try:
                    yield read_line(line)
                except ValueError:
                    yield None
