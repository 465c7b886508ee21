"""Tables of plain text."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def aligned(rows: Sequence[Sequence[str]], left: Collection[int] = (0,)) -> list[str]:
    """Returns a line per row whose cells stand in columns.

    Args:
      rows: cells, equally many in each row.
      left: columns that are aligned to the left; the others, of numbers, are to the right.

    >>> aligned([("metric", "n"), ("mrr", "123")])
    ['metric    n', 'mrr     123']
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
