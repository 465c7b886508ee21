"""Quoting of values from users' files and requests; only the standard library here."""

from __future__ import annotations

from modules.messages.counting import counted

MOST_CHARACTERS = 200


def quote(value: object, most: int = MOST_CHARACTERS) -> str:
    """Returns a value's first characters on one line, and how many more there are.

    Args:
      value: text, bytes that should be text, or anything else, shown by its `repr`.
      most: number of characters shown.

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
    """Returns a name or message unchanged unless it is too long or not printable.

    >>> shorten("trainer.max_epochs"), shorten("abcdef", most=3)
    ('trainer.max_epochs', 'abc and 3 more characters')
    """
    if not text[:most].isprintable():
        return quote(text, most)
    return with_rest(text[:most], len(text) - most)


def with_rest(shown: str, more: int) -> str:
    """Returns the start of a text, followed by the number of characters left out."""
    return f"{shown} and {counted(more, 'more character')}" if more > 0 else shown


def reason_of(error: Exception) -> str:
    """Returns why a file cannot be read, without its name, which is said beside it.

    >>> reason_of(IsADirectoryError(21, "Is a directory", "/srv/shop"))
    'Is a directory'
    """
    return (isinstance(error, OSError) and error.strerror) or str(error)


def first_line(error: Exception) -> str:
    """Returns an error's type and the first line of its message, cut to 300 characters."""
    return f"{type(error).__name__}: {next(iter(str(error).strip().splitlines()), '')[:300]}"
