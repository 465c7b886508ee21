"""Where the three splits' files are: names from a preset, paths from the command line."""

from __future__ import annotations

import dataclasses
import glob
import os
import re
from pathlib import Path

SPLITS = ("train", "eval", "test")
# `{SPAN}`, `{SPAN:4}`, `{VERSION}`, `{YYYY}`, ...: TFX fills them in, any text matches here.
_PLACEHOLDER = re.compile(r"\{(SPAN|VERSION|YYYY|MM|DD)(:\d+)?\}")


@dataclasses.dataclass(frozen=True)
class DataOptions:
    """Files of the splits; a path or a pattern each, also with `{SPAN}` and `{VERSION}`.

    Attributes:
      train: events that the model learns from.
      eval: events that its epochs and settings are chosen on; None cuts them from `train`.
      test: events that it is judged on.
      folder: where relative names are looked for; None for the working directory.
      generate: missing files are the bundled sample's, which the runner makes in `folder`.
    """

    train: str | None = None
    eval: str | None = None
    test: str | None = None
    folder: str | None = None
    generate: bool = False


@dataclasses.dataclass(frozen=True)
class DataPaths:
    """What the command line says about data, relative to the working directory.

    Attributes:
      folder: has files of the preset's names.
      train: path or pattern in place of the preset's.
      eval: likewise.
      test: likewise.
    """

    folder: str | None = None
    train: str | None = None
    eval: str | None = None
    test: str | None = None

    def any(self) -> bool:
        """Returns whether anything is said."""
        return any((self.folder, self.train, self.eval, self.test))


def _absolute(path: str, base: Path) -> str:
    """Joins and normalises; URIs (`gs://...`) stay as they are."""
    if "://" in path:
        return path
    return os.path.abspath(base / Path(path).expanduser())


def matches(pattern: str) -> bool:
    """Returns whether at least one file has the pattern; URIs are not looked up."""
    if "://" in pattern:
        return True
    return any(map(os.path.isfile, glob.iglob(_PLACEHOLDER.sub("*", pattern), recursive=True)))


def _resolve_split(
    split: str, options: DataOptions, given: DataPaths, folder: str, generated: bool
) -> tuple[str | None, str | None]:
    """Returns a split's absolute pattern and the problem with it, None each."""
    own = getattr(given, split)
    name = own or getattr(options, split)
    if not name:
        missing = f"data.{split} is not set: say {split.upper()}=path (a file or a pattern)"
        return None, None if split == "eval" else missing
    if own:
        path = _absolute(own, Path.cwd())
    else:
        path = name if "://" in name else _join(folder, name)
    if matches(path) or (generated and not own):
        return path, None
    way_out = f"say {split.upper()}=path" + ("" if own else " or DATA=folder")
    return path, f"data.{split}: no file matches {path}: {way_out}"


def _join(folder: str, name: str) -> str:
    if "://" in folder:
        return f"{folder.rstrip('/')}/{name}"
    return _absolute(name, Path(folder))


def resolve_data(
    options: DataOptions, given: DataPaths, base: Path, problems: list[str]
) -> DataOptions:
    """Returns the options with absolute patterns and adds what is missing to `problems`.

    Args:
      options: from a preset.
      given: from the command line, which wins.
      base: folder that a relative `options.folder` starts from.
      problems: gets one line per split that has no file.
    """
    generated = options.generate and not given.folder
    if given.folder:
        folder = _absolute(given.folder, Path.cwd())
    else:
        folder = _absolute(options.folder or "", base if options.folder else Path.cwd())
    resolved = {}
    for split in SPLITS:
        resolved[split], problem = _resolve_split(split, options, given, folder, generated)
        problems += [problem] if problem else []
    kept_folder = folder if given.folder or options.folder else None
    return DataOptions(**resolved, folder=kept_folder, generate=generated)
