"""Which ids survive Transform's vocabulary file, one `count item_id` a line; neither TF nor Beam.

Found by trying every byte and thousands of ids on both stacks: Transform drops, silently, ids
that hold a line end (a carriage return is one) and those that equal a reserved token; and it writes
a space as `__SPACE__`, so that ids which hold this text come back as others. All else comes back.
"""

from __future__ import annotations

RESERVED_TOKENS = ("[PAD]", "[UNK]")
# What Transform writes for a space in an item id, since a space ends the count before it.
SPACE = b"__SPACE__"
# Without one of these in a text, and without a carriage return, every id in it is held.
SUSPECT_TEXTS = (*(token.encode() for token in RESERVED_TOKENS), b"SPACE")
_RESERVED = frozenset(token.encode() for token in RESERVED_TOKENS)


def from_vocabulary(written: bytes) -> bytes:
    """Returns the item id that Transform wrote as `written`."""
    return written.replace(SPACE, b" ")


def vocabulary_holds(item_id: bytes) -> bool:
    """Returns whether an item id comes out of the vocabulary as it went in.

    >>> [vocabulary_holds(item_id) for item_id in (b"red shoe", b"[UNK]", b"red__SPACE__shoe")]
    [True, False, False]
    """
    if item_id in _RESERVED or b"\r" in item_id or b"\n" in item_id:
        return False
    return from_vocabulary(item_id.replace(b" ", SPACE)) == item_id
