"""Limits of a request to the local server, so that it neither stalls nor grows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from modules.serving.answer_length import TOP_K
from modules.sessions.feature_names import ITEM_IDS
from serving.server.request_values import Array, RequestError

_STEPS = "evaluate"  # the signature with an answer for every step of a session
# Signatures that look items up instead of scoring the whole catalogue for each row.
_LOOK_UPS = ("embed_items", "embed_query", "eval_features")


@dataclasses.dataclass(frozen=True)
class Limits:
    """The most of one request; beyond it the answer is 413 Content Too Large.

    Attributes:
      bytes: size of the body.
      rows: number of sessions, items or examples; for `evaluate` of their steps.
      answers: rows times k, the answers per row.
      session_items: items of one session.
      scores: rows times the items of the catalogue, which are all scored for each row.
    """

    bytes: int = 8 << 20
    rows: int = 10_000
    answers: int = 100_000
    session_items: int = 10_000
    scores: int = 500_000_000

    def check_rows(self, values: Mapping[str, Any]) -> None:
        """Checks the number of rows, before a request's values are checked one by one.

        Raises:
          RequestError: there are too many, with status 413.
        """
        rows = (len(value) for value in values.values() if isinstance(value, list))
        self.check_row_count(max(rows, default=0))

    def check_row_count(self, rows: int) -> None:
        """Checks a number of rows.

        Raises:
          RequestError: there are too many, with status 413.
        """
        if rows > self.rows:
            raise _too_many(rows, "rows", self.rows)

    def check(self, signature: str, arrays: Mapping[str, Array], catalogue_size: int) -> None:
        """Checks the sizes of a request before anything is computed.

        Args:
          signature: name of the signature.
          arrays: inputs by name.
          catalogue_size: number of items in the catalogue, which limits answers; 0 if unknown.

        Raises:
          RequestError: it is too large, with status 413.
        """
        lengths = _session_lengths(arrays)
        longest = max(lengths, default=0)
        if longest > self.session_items:
            raise _too_much(
                f"A session of {longest:,} items is too long: at most {self.session_items:,}, of "
                "which the model uses the latest."
            )
        rows, what = len(lengths), "rows"
        if signature == _STEPS:
            rows, what = sum(lengths), "steps"
        most = self._most_rows(signature, catalogue_size)
        if rows > most:
            raise _too_many(rows, what, most)
        k = longest if signature == _STEPS else _answers_per_row(signature, arrays, catalogue_size)
        if len(lengths) * k > self.answers:
            raise _too_much(
                f"{len(lengths):,} rows times {k:,} answers are too many for one request: at most "
                f"{self.answers:,} in all. Send fewer rows in each of several requests, or set a "
                "smaller k if the signature has one."
            )

    def _most_rows(self, signature: str, catalogue_size: int) -> int:
        """Returns how many rows a signature takes; fewer for a huge catalogue."""
        if signature in _LOOK_UPS:
            return self.rows
        return min(self.rows, max(1, self.scores // max(catalogue_size, 1)))


def _too_many(rows: int, what: str, most: int) -> RequestError:
    return _too_much(
        f"{rows:,} {what} are too many for one request: at most {most:,}. Send several requests."
    )


def _too_much(message: str) -> RequestError:
    return RequestError(message, 413)


def _answers_per_row(signature: str, arrays: Mapping[str, Array], catalogue_size: int) -> int:
    """Returns the length of the answer for a row."""
    if signature in _LOOK_UPS:
        return 1
    k = int(arrays["k"]) if "k" in arrays else TOP_K
    return min(k, catalogue_size) if catalogue_size else k


def _session_lengths(arrays: Mapping[str, Array]) -> list[int]:
    """Returns the number of items in each row, 1 if rows are not sessions."""
    if "examples" in arrays:
        return [_example_length(example) for example in arrays["examples"]]
    rows = arrays.get("item_ids", np.zeros(0))
    return [rows.shape[1] if rows.ndim > 1 else 1] * len(rows)


def _example_length(serialized: bytes) -> int:
    """Returns the number of items in a tf.Example; TensorFlow reports one that is not readable."""
    from google.protobuf.message import DecodeError

    from modules.sessions.examples import decode

    try:
        return len(decode(serialized)[ITEM_IDS].bytes_list.value)
    except DecodeError:
        return 0
