"""Which files a pattern names: one dialect for every pattern that a user gives, here and at URIs.

A name that exists is taken as it stands, whatever characters it has. Else `*`, `?` and `[...]`
match within a name, `**` matches any number of folders, and TFX's placeholders `{SPAN}`,
`{VERSION}`, `{YYYY}`, `{MM}`, `{DD}` match digits. As in a shell, a hidden name is matched only by
a pattern that begins with a dot itself. Needs the standard library alone, and TensorFlow and Beam
for URIs.
"""

from __future__ import annotations

import fnmatch
import functools
import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from modules.files.file_systems import (
    URI,
    FilePatternError,
    Place,
    ThisMachine,
    place_of,
    tensorflow_schemes,
)
from modules.messages.quoting import quote

PLACEHOLDER = re.compile(r"\{(?P<name>SPAN|VERSION|YYYY|MM|DD)(?::(?P<width>\d+))?\}")
MOST_DIGITS = 19  # of the largest number that metadata can hold, 64 bits with a sign
_WILDCARDS = "*?["
_START = re.compile(rf"{URI.pattern}[^/]*/|/")  # what no name can match: a bucket, or the root
_DIGITS = {"YYYY": 4, "MM": 2, "DD": 2}
_ANY_DEPTH = "**"


class Match(NamedTuple):
    """A file, and the text that each placeholder of the pattern stands for in its path."""

    path: str
    values: dict[str, str]


def is_uri(path: str) -> bool:
    """Returns whether a path names a place by a scheme, such as `gs://`."""
    return bool(URI.match(path))


def is_file(path: str) -> bool:
    """Returns whether there is a file, on this machine or at a URI that TensorFlow opens.

    Raises:
      FilePatternError: the place cannot be read, or a link leads nowhere.
    """
    place = place_of(path, tensorflow_schemes)
    try:
        return place.is_file(path)
    except place.errors as error:
        raise FilePatternError(f"{path} cannot be looked up: {error}") from error


def check_scheme(path: str) -> None:
    """Looks whether files can be read and written where a path leads.

    Raises:
      FilePatternError: nothing here opens URIs of its scheme.
    """
    place_of(path)


def is_plain(path: str) -> bool:
    """Returns whether TensorFlow and Beam take a path as it stands also where they want patterns.

    They give no way to say that a path is none: of our own inputs we look the files up ourselves,
    but TFX's nodes do not.
    """
    return not any(character in path for character in f"{_WILDCARDS}\\")


def join(folder: str, name: str) -> str:
    """Returns the path of a name in a folder; a URI and an absolute path stay as they are."""
    if not folder or is_uri(name) or os.path.isabs(name):
        return name
    return f"{folder.rstrip('/')}/{name}"


def absolute(path: str, folder: str | os.PathLike[str]) -> str:
    """Returns a path of this machine joined to a folder and normalised; a URI stays as it is."""
    if is_uri(path):
        return path
    if not os.path.lexists(os.path.join(folder, path)):
        path = os.path.expanduser(path)
    return os.path.abspath(os.path.join(folder, path))


def find_files(pattern: str) -> list[str]:
    """Returns the files that a pattern names, by name; a file with several names comes once.

    Raises:
      FilePatternError: the place cannot be read, or a link among the files leads nowhere.
    """
    return [match.path for match in find_matches(pattern)]


def find_matches(pattern: str) -> list[Match]:
    """Returns the files that a pattern names, with what its placeholders stand for.

    A file with several names comes once for each text of the placeholders: a link may give the file
    of one day to the next.

    Raises:
      FilePatternError: as `find_files`; or a placeholder occurs twice, or its width is none.
    """
    _check_placeholders(pattern)
    place = place_of(pattern)
    found: dict[tuple[str, ...], Match] = {}
    try:
        for match in _expand(pattern, place):
            if place.is_file(match.path):
                _check_name(match.path)
                file = (place.identity(match.path), *match.values.values())
                other = found.setdefault(file, match)
                found[file] = min(match, other, key=_rank) if other is not match else match
    except place.errors as error:
        raise FilePatternError(f"{pattern} cannot be looked up: {error}") from error
    return sorted(found.values(), key=lambda match: match.path)


def identity(path: str) -> str:
    """Returns what is the same for all names of a file here, links of any kind; a URI as it is."""
    return path if is_uri(path) else ThisMachine().identity(path)


def what_is_there(pattern: str) -> str:
    """Says what a pattern matches that names no file: nothing, or what is none."""
    place = place_of(pattern)
    for match in _expand(pattern, place):
        if place.is_folder(match.path):
            return f"only the folder {match.path}"
        return f"only {match.path}, which is a pipe or a device, not a file"
    return "nothing"


def _check_placeholders(pattern: str) -> None:
    """Refuses a placeholder that occurs twice, and widths that no number of ours has."""
    names = [name for name, _ in PLACEHOLDER.findall(pattern)]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise FilePatternError(f"{pattern} must have {{{repeated[0]}}} once, not repeatedly")
    for found in PLACEHOLDER.finditer(pattern):
        width = found["width"]
        if width is not None and not (len(width) < 5 and 1 <= int(width) <= MOST_DIGITS):
            raise FilePatternError(
                f"{pattern} has {quote(found[0])}: a width is 1 to {MOST_DIGITS} digits, "
                f"for example {{{found['name']}:3}}"
            )


def _check_name(path: str) -> None:
    """Refuses a name that neither TFX's metadata nor JSON can hold."""
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise FilePatternError(f"the name {path!r} is not valid UTF-8: rename the file") from error


def _rank(match: Match) -> tuple[bool, int, str]:
    """Orders the names of a file: its own, before links to it; the shortest way to it."""
    path = match.path
    return os.path.realpath(path) != path, path.count("/"), path


def _expand(pattern: str, place: Place) -> list[Match]:
    """Returns everything that a pattern matches, folders too."""
    path, parts = _literal_start(pattern, place)
    # Any number of folders below any number of folders: said once, looked up once.
    parts = [p for n, p in enumerate(parts) if p != _ANY_DEPTH or parts[n - 1 : n] != [p]]
    if parts and parts[-1] == _ANY_DEPTH:
        parts = [*parts, "*"]
    found = {path: Match(path, {})}
    for part in parts:
        below = (match for folder in found.values() for match in _below(folder, part, place))
        found = {match.path: match for match in below}
    return [match for match in found.values() if parts or place.exists(match.path)]


def _literal_start(pattern: str, place: Place) -> tuple[str, list[str]]:
    """Returns the longest start of a pattern that is taken as it stands, and the parts behind."""
    start = _START.match(pattern)
    path = start[0] if start else ""
    parts = [part for part in pattern[len(path) :].split("/") if part]
    while parts:
        longer = os.path.join(path, parts[0])
        if _is_pattern(parts[0]) and not place.exists(longer):
            break
        path, parts = longer, parts[1:]
    return path, parts


def _is_pattern(part: str) -> bool:
    return bool(PLACEHOLDER.search(part)) or any(character in part for character in _WILDCARDS)


def _below(folder: Match, part: str, place: Place) -> Iterator[Match]:
    """Yields what a part of a pattern matches in a folder."""
    if not place.is_folder(folder.path):
        return
    as_it_stands = os.path.join(folder.path, part)
    if part == _ANY_DEPTH:
        yield from (Match(path, folder.values) for path in _folders(folder.path, place))
    elif place.exists(as_it_stands):
        yield Match(as_it_stands, folder.values)
    elif _is_pattern(part):
        for name in place.names(folder.path):
            found = _expression(part).fullmatch(name)
            if found and (part.startswith(".") or not name.startswith(".")):
                values = {key: found[key] for key, _ in PLACEHOLDER.findall(part)}
                yield Match(os.path.join(folder.path, name), {**folder.values, **values})


def _folders(top: str, place: Place) -> Iterator[str]:
    """Yields a folder and all below it, links followed, each once and none that is hidden."""
    waiting, seen = [top], set()
    while waiting:
        folder = waiting.pop()
        if place.identity(folder) in seen:
            continue
        seen.add(place.identity(folder))
        yield folder
        names = (name for name in place.names(folder) if not name.startswith("."))
        paths = (os.path.join(folder, name) for name in sorted(names, reverse=True))
        waiting += [path for path in paths if place.is_folder(path)]


@functools.cache
def _expression(part: str) -> re.Pattern[str]:
    """Returns the regular expression of a part; its groups are the placeholders."""
    texts, end = [], 0
    for found in PLACEHOLDER.finditer(part):
        digits = found["width"] or _DIGITS.get(found["name"])
        count = f"{{{digits}}}" if digits else "+"
        group = rf"(?P<{found['name']}>\d{count})"
        texts += [_translated(part[end : found.start()]), group]
        end = found.end()
    return re.compile("".join([*texts, _translated(part[end:])]), re.DOTALL)


def _translated(text: str) -> str:
    """Returns the regular expression of a pattern without its frame, which ends the name."""
    framed = fnmatch.translate(text)
    return framed[len("(?s:") : framed.rindex(")")]
