"""Which files a pattern names: one dialect for every pattern that a user gives, here and at URIs.

A name that exists is taken as it stands, whatever characters it has. Else `*`, `?` and `[...]`
match within a name, `**` matches any number of folders, and TFX's placeholders `{SPAN}`,
`{VERSION}`, `{YYYY}`, `{MM}`, `{DD}` match digits. As in a shell, a hidden name is matched only by
a pattern that begins with a dot itself. Needs the standard library alone, and TensorFlow and Beam
for URIs.
"""

from __future__ import annotations

import contextlib
import fnmatch
import functools
import os
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

PLACEHOLDER = re.compile(r"\{(?P<name>SPAN|VERSION|YYYY|MM|DD)(?::(?P<width>\d+))?\}")
_WILDCARDS = "*?["
_URI = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://")
_START = re.compile(rf"{_URI.pattern}[^/]*/|/")  # what no name can match: a bucket, or the root
_DIGITS = {"YYYY": 4, "MM": 2, "DD": 2}
_ANY_DEPTH = "**"


class FilePatternError(ValueError):
    """A pattern, or a file that it names, cannot be used; the message says why."""


class Match(NamedTuple):
    """A file, and the text that each placeholder of the pattern stands for in its path."""

    path: str
    values: dict[str, str]


def is_uri(path: str) -> bool:
    """Returns whether a path names a place by a scheme, such as `gs://`."""
    return bool(_URI.match(path))


def is_file(path: str) -> bool:
    """Returns whether there is a file, on this machine or at a URI that TensorFlow opens.

    Raises:
      FilePatternError: the place cannot be read, or a link leads nowhere.
    """
    place = _place_of(path, _tensorflow_schemes)
    try:
        return place.is_file(path)
    except place.errors as error:
        raise FilePatternError(f"{path} cannot be looked up: {error}") from error


def check_scheme(path: str) -> None:
    """Looks whether files can be read and written where a path leads.

    Raises:
      FilePatternError: nothing here opens URIs of its scheme.
    """
    _place_of(path)


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

    Raises:
      FilePatternError: as `find_files`; or a placeholder occurs twice.
    """
    names = [name for name, _ in PLACEHOLDER.findall(pattern)]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise FilePatternError(f"{pattern} must have {{{repeated[0]}}} once, not repeatedly")
    place = _place_of(pattern)
    found: dict[str, Match] = {}
    try:
        for match in _expand(pattern, place):
            if place.is_file(match.path):
                _check_name(match.path)
                file = place.identity(match.path)
                # Of several names of a file its own, else the shortest way to it.
                found[file] = min(match, found.get(file, match), key=lambda m: _rank(m.path, file))
    except place.errors as error:
        raise FilePatternError(f"{pattern} cannot be looked up: {error}") from error
    return sorted(found.values(), key=lambda match: match.path)


def what_is_there(pattern: str) -> str:
    """Says what a pattern matches that names no file: nothing, or what is none."""
    place = _place_of(pattern)
    for match in _expand(pattern, place):
        if place.is_folder(match.path):
            return f"only the folder {match.path}"
        return f"only {match.path}, which is a pipe or a device, not a file"
    return "nothing"


class _ThisMachine:
    """Files of this machine."""

    errors: tuple[type[Exception], ...] = (OSError,)

    def exists(self, path: str) -> bool:
        return os.path.lexists(path)

    def is_folder(self, path: str) -> bool:
        return os.path.isdir(path or os.curdir)

    def is_file(self, path: str) -> bool:
        if os.path.islink(path) and not os.path.exists(path):
            raise FilePatternError(
                f"{path} is a link to {os.readlink(path)}, which does not exist: remove the link, "
                "or put its file there"
            )
        return os.path.isfile(path)

    def names(self, folder: str) -> list[str]:
        return os.listdir(folder or os.curdir)

    def identity(self, path: str) -> str:
        return os.path.realpath(path)


class _Elsewhere:
    """Files at URIs, as TensorFlow knows them."""

    def __init__(self) -> None:
        import tensorflow as tf

        self._files = tf.io.gfile
        self.errors: tuple[type[Exception], ...] = (OSError, tf.errors.OpError)

    def exists(self, path: str) -> bool:
        return bool(self._files.exists(path))

    def is_folder(self, path: str) -> bool:
        return bool(self._files.isdir(path))

    def is_file(self, path: str) -> bool:
        return self.exists(path) and not self.is_folder(path)

    def names(self, folder: str) -> list[str]:
        names = (name.rstrip("/") for name in self._files.listdir(folder))
        return [name for name in names if name]  # an object store may list the folder itself

    def identity(self, path: str) -> str:
        return path


_Place = _ThisMachine | _Elsewhere


def _place_of(pattern: str, readable: Callable[[], tuple[str, ...]] | None = None) -> _Place:
    """Returns who knows the files of a pattern.

    Args:
      pattern: also a path.
      readable: returns the schemes of URIs that can be read; by default, those of a log.

    Raises:
      FilePatternError: nobody does.
    """
    uri = _URI.match(pattern)
    if not uri:
        return _ThisMachine()
    known = (readable or _readable_schemes)()
    if uri["scheme"] not in known:
        raise FilePatternError(
            f"{pattern}: {uri['scheme']}:// cannot be opened here, but "
            f"{', '.join(f'{scheme}://' for scheme in known)} and paths of this machine: keep the "
            "files there, or mount what holds them as a folder"
        )
    return _Elsewhere()


@functools.cache
def _tensorflow_schemes() -> tuple[str, ...]:
    """Returns the schemes of URIs that TensorFlow opens, as it does those of models."""
    import tensorflow as tf

    return tuple(sorted({*tf.io.gfile.get_registered_schemes()} - {""}))


@functools.cache
def _readable_schemes() -> tuple[str, ...]:
    """Returns the schemes of URIs that both TensorFlow and Beam open, as they do logs."""
    from apache_beam.io.filesystems import FileSystems

    found = []
    for scheme in _tensorflow_schemes():
        with contextlib.suppress(ValueError):  # of a scheme that Beam does not know
            FileSystems.get_filesystem(f"{scheme}://")
            found.append(scheme)
    return tuple(found)


def _check_name(path: str) -> None:
    """Refuses a name that neither TFX's metadata nor JSON can hold."""
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise FilePatternError(f"the name {path!r} is not valid UTF-8: rename the file") from error


def _rank(path: str, file: str) -> tuple[bool, int, str]:
    return path != file, path.count("/"), path


def _expand(pattern: str, place: _Place) -> list[Match]:
    """Returns everything that a pattern matches, folders too."""
    path, parts = _literal_start(pattern, place)
    if parts and parts[-1] == _ANY_DEPTH:
        parts = [*parts, "*"]
    found = {path: Match(path, {})}
    for part in parts:
        below = (match for folder in found.values() for match in _below(folder, part, place))
        found = {match.path: match for match in below}
    return [match for match in found.values() if parts or place.exists(match.path)]


def _literal_start(pattern: str, place: _Place) -> tuple[str, list[str]]:
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


def _below(folder: Match, part: str, place: _Place) -> Iterator[Match]:
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


def _folders(top: str, place: _Place) -> Iterator[str]:
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
