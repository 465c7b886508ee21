"""File patterns: one syntax for every pattern that a user gives, local or at URIs.

A name that exists is taken literally, whatever characters it has. Else `*`, `?` and `[...]`
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
from modules.files.placeholders import MOST_DIGITS, PLACEHOLDER
from modules.messages.quoting import quote

_WILDCARDS = "*?["
_START = re.compile(rf"{URI.pattern}[^/]*/|/")  # a bucket or the root, which no pattern matches
_DIGITS = {"YYYY": 4, "MM": 2, "DD": 2}
_ANY_DEPTH = "**"


class Match(NamedTuple):
    """A file, and the text that each placeholder of the pattern matched."""

    path: str
    values: dict[str, str]


def is_uri(path: str) -> bool:
    """Returns whether a path has a scheme, such as `gs://`."""
    return bool(URI.match(path))


def is_file(path: str) -> bool:
    """Returns whether a file exists, locally or at a URI that TensorFlow opens.

    Raises:
      FilePatternError: the file system cannot be read, or a link is broken.
    """
    place = place_of(path, tensorflow_schemes)
    try:
        return place.is_file(path)
    except place.errors as error:
        raise FilePatternError(f"{path} cannot be accessed: {error}") from error


def check_scheme(path: str) -> None:
    """Raises FilePatternError if URIs of a path's scheme cannot be opened."""
    place_of(path)


def is_plain(path: str) -> bool:
    """Returns whether a path, read as a pattern by TensorFlow, Beam or TFX, matches itself only.

    They have no way to take a path literally.
    """
    return not any(character in path for character in f"{_WILDCARDS}\\")


def join(folder: str, name: str) -> str:
    """Returns the path of a name in a folder; URIs and absolute paths stay unchanged."""
    if not folder or is_uri(name) or os.path.isabs(name):
        return name
    return f"{folder.rstrip('/')}/{name}"


def absolute(path: str, folder: str | os.PathLike[str]) -> str:
    """Returns a local path joined to a folder and normalised; a URI stays unchanged."""
    if is_uri(path):
        return path
    if not os.path.lexists(os.path.join(folder, path)):
        path = os.path.expanduser(path)
    return os.path.abspath(os.path.join(folder, path))


def find_files(pattern: str) -> list[str]:
    """Returns the files that a pattern matches, sorted; a file with several names once.

    Raises:
      FilePatternError: the file system cannot be read, or a link among the files is broken.
    """
    return [match.path for match in find_matches(pattern)]


def find_matches(pattern: str) -> list[Match]:
    """Returns the files that a pattern matches, with the values of its placeholders.

    A file with several names is returned once for each set of values: a link may use the file of
    one day for the next.

    Raises:
      FilePatternError: as `find_files`; or a placeholder is repeated or has an invalid width.
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
        raise FilePatternError(f"{pattern} cannot be accessed: {error}") from error
    return sorted(found.values(), key=lambda match: match.path)


def identity(path: str) -> str:
    """Returns an id that all names of a local file share, links included; of a URI, itself."""
    return path if is_uri(path) else ThisMachine().identity(path)


def what_is_there(pattern: str) -> str:
    """Describes what a pattern without a matching file matches."""
    place = place_of(pattern)
    for match in _expand(pattern, place):
        if place.is_folder(match.path):
            return f"only the folder {match.path}"
        return f"only {match.path}, which is a pipe or a device, not a file"
    return "nothing"


def _check_placeholders(pattern: str) -> None:
    """Refuses repeated placeholders and invalid widths."""
    names = [name for name, _ in PLACEHOLDER.findall(pattern)]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise FilePatternError(f"{pattern} must have {{{repeated[0]}}} only once")
    for found in PLACEHOLDER.finditer(pattern):
        width = found["width"]
        if width is not None and not (len(width) < 5 and 1 <= int(width) <= MOST_DIGITS):
            raise FilePatternError(
                f"{pattern} has {quote(found[0])}: a width is 1 to {MOST_DIGITS} digits, "
                f"for example {{{found['name']}:3}}"
            )


def _check_name(path: str) -> None:
    """Refuses names that neither TFX's metadata nor JSON can hold."""
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise FilePatternError(f"the name {path!r} is not valid UTF-8: rename the file") from error


def _rank(match: Match) -> tuple[bool, int, str]:
    """Orders the names of a file: its own before links to it, then the shortest path."""
    path = match.path
    return os.path.realpath(path) != path, path.count("/"), path


def _expand(pattern: str, place: Place) -> list[Match]:
    """Returns everything that a pattern matches, including folders."""
    path, parts = _literal_start(pattern, place)
    # A repeated `**` means no more than one.
    parts = [p for n, p in enumerate(parts) if p != _ANY_DEPTH or parts[n - 1 : n] != [p]]
    if parts and parts[-1] == _ANY_DEPTH:
        parts = [*parts, "*"]
    found = {path: Match(path, {})}
    for part in parts:
        below = (match for folder in found.values() for match in _below(folder, part, place))
        found = {match.path: match for match in below}
    return [match for match in found.values() if parts or place.exists(match.path)]


def _literal_start(pattern: str, place: Place) -> tuple[str, list[str]]:
    """Returns the longest literal start of a pattern, and the parts after it."""
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
    """Yields a folder and all folders below it that are not hidden, links followed, each once."""
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
    """Returns the regular expression of a part, with a group per placeholder."""
    texts, end = [], 0
    for found in PLACEHOLDER.finditer(part):
        digits = found["width"] or _DIGITS.get(found["name"])
        count = f"{{{digits}}}" if digits else "+"
        group = rf"(?P<{found['name']}>\d{count})"
        texts += [_translated(part[end : found.start()]), group]
        end = found.end()
    return re.compile("".join([*texts, _translated(part[end:])]), re.DOTALL)


def _translated(text: str) -> str:
    """Returns the regular expression of a pattern without its frame, which anchors it."""
    framed = fnmatch.translate(text)
    return framed[len("(?s:") : framed.rindex(")")]
