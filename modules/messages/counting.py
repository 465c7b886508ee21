"""Numbers of things in messages."""

from __future__ import annotations


def counted(count: int, noun: str, plural: str = "") -> str:
    """Returns a number with its noun, whose plural ends with s if none is given.

    >>> counted(1, "node"), counted(1200, "node"), counted(2, "prefix", "prefixes")
    ('1 node', '1,200 nodes', '2 prefixes')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
