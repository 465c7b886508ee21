"""How messages show values that users' files and requests hold; only the standard library here."""

from __future__ import annotations

MOST_CHARACTERS = 200


def quote(value: object, most: int = MOST_CHARACTERS) -> str:
    """Returns a value as a message shows it: its first characters, and how many more there are.

    What is no text, or not printable, is escaped, so that one line stays one line.

    Args:
      value: a text, bytes that should be text, or anything else, which is shown as Python does.
      most: characters that are shown.

    >>> quote("abcdef", most=3), quote([1, 2, 3], most=4)
    ("'abc' and 3 more characters", '[1,  and 5 more characters')
    """
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    is_text = isinstance(value, str)
    text = str(value) if is_text else repr(value)
    shown = repr(text[:most]) if is_text else text[:most]
    return with_rest(shown, len(text) - most)


def shorten(text: str, most: int = MOST_CHARACTERS) -> str:
    """Returns a name or a message as it stands, unless it is too long or not printable.

    >>> shorten("trainer.max_epochs"), shorten("abcdef", most=3)
    ('trainer.max_epochs', 'abc and 3 more characters')
    """
    if not text[:most].isprintable():
        return quote(text, most)
    return with_rest(text[:most], len(text) - most)


def with_rest(shown: str, more: int) -> str:
    """Returns a part that is shown, followed by the number of characters that are not."""
    return f"{shown} and {more:,} more characters" if more > 0 else shown
