"""What was found in the files of items, and the sentences about it; neither TensorFlow nor Beam."""

from __future__ import annotations

from typing import NamedTuple

from modules.messages.quoting import quote

ITEMS, IN_LOG, MISSING, UNKNOWN = "items", "log_items", "log_items_without_row", "items_not_in_log"
ROWS_READ, DOUBLED, REPLACED = "rows_read", "rows_doubled", "rows_replaced"
BAD_ROW, EMPTY_ID, UNUSABLE_ID = "bad_row", "empty_id", "unusable_id"
FEW = 0.5
"""Share of the log's items below which the ids of file and log may not be the same."""


class ItemReport(NamedTuple):
    """What was found in the files.

    Attributes:
      counts: numbers of rows and items by name.
      ids: the first few ids, in order, of items that a count is about.
      errors: why files could not be read.
    """

    counts: dict[str, int]
    ids: dict[str, list[str]]
    errors: list[str] = []  # noqa: RUF012 (a NamedTuple's default, never changed)


_WORDS = {
    ROWS_READ: "rows in the files",
    BAD_ROW: "rows that cannot be read",
    EMPTY_ID: "rows without an item id",
    UNUSABLE_ID: "rows with an id that the vocabulary cannot store",
    DOUBLED: "doubled rows, equal to the one that is kept",
    REPLACED: "rows replaced by a later, different row of the same item",
    ITEMS: "items",
    IN_LOG: "items of the sessions",
    MISSING: "items of the sessions that have no row",
    UNKNOWN: "items that no session has",
}
_FAULTS = (BAD_ROW, EMPTY_ID, UNUSABLE_ID, DOUBLED, REPLACED, MISSING, UNKNOWN)


def rows(report: ItemReport) -> list[tuple[str, str, str]]:
    """Returns what each count is of, the count, and some of the ids; as texts."""
    return [
        (words, f"{report.counts[name]:,}", ", ".join(map(quote, report.ids.get(name, ()))))
        for name, words in _WORDS.items()
        if name in report.counts
    ]


def warnings(report: ItemReport) -> list[str]:
    """Returns a sentence for each count of what may be wrong with the files."""
    found = [name for name in _FAULTS if report.counts.get(name, 0)]
    some = {name: ", ".join(map(quote, report.ids.get(name, ()))) for name in found}
    return [
        f"{report.counts[name]:,} {_WORDS[name]}"
        + (f", such as {some[name]}" if some[name] else "")
        for name in found
    ]


def share_named(report: ItemReport) -> float | None:
    """Returns the share of the sessions' items that have a row; None if there are none."""
    log_items = report.counts.get(IN_LOG, 0)
    return 1 - report.counts.get(MISSING, 0) / log_items if log_items else None


def summary(report: ItemReport) -> str:
    """Returns what a run prints about the files."""
    read, items = report.counts.get(ROWS_READ, 0), report.counts.get(ITEMS, 0)
    share = share_named(report)
    of_log = "" if share is None else f", {share:.1%} of the items of the sessions have one"
    lines = [f"Items: {items:,} of {read:,} rows{of_log}", *warnings(report)]
    if share is not None and share < FEW:
        lines.append(
            "Warning: most items of the sessions have no row: are the ids of items.id_column "
            "written as in the click log?"
        )
    return "\n  ".join(lines)
