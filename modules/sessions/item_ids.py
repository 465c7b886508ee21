"""Which ids Transform's vocabulary file, one `count item_id` per line, preserves; no TF, no Beam.

Found by trying every byte and thousands of ids on both stacks: Transform silently drops ids with a
line feed or carriage return and those that equal a reserved token, and writes a space as
`__SPACE__`, so that ids with this text change. All other ids are preserved.
"""

from __future__ import annotations

RESERVED_TOKENS = ("[PAD]", "[UNK]")
# Transform writes this for a space in an item id, since a space ends the count before it.
SPACE = b"__SPACE__"
# A text without these and without a carriage return has only ids that are preserved.
SUSPECT_TEXTS = (*(token.encode() for token in RESERVED_TOKENS), b"SPACE")
_RESERVED = frozenset(token.encode() for token in RESERVED_TOKENS)


def from_vocabulary(written: bytes) -> bytes:
    """Returns the item id that Transform wrote as `written`."""
    return written.replace(SPACE, b" ")


def vocabulary_holds(item_id: bytes) -> bool:
    """Returns whether the vocabulary preserves an item id.

    >>> [vocabulary_holds(item_id) for item_id in (b"red shoe", b"[UNK]", b"red__SPACE__shoe")]
    [True, False, False]
    """
    if item_id in _RESERVED or b"\r" in item_id or b"\n" in item_id:
        return False
    return from_vocabulary(item_id.replace(b" ", SPACE)) == item_id
