"""Where the three splits' files are: names from a preset, paths from the command line."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from modules.file_patterns import (
    FilePatternError,
    absolute,
    find_files,
    is_uri,
    join,
    what_is_there,
)

SPLITS = ("train", "eval", "test")


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


def _missing(path: str) -> str:
    """Says why a pattern names no file, "" if it names one."""
    try:
        if find_files(path):
            return ""
        there = what_is_there(path)
    except FilePatternError as error:
        return str(error)
    return f"no file matches {path}" + ("" if there == "nothing" else f", {there}")


def _resolve_split(
    split: str, options: DataOptions, given: DataPaths, folder: str, generated: bool
) -> tuple[str | None, str | None]:
    """Returns a split's absolute pattern and the problem with it, None each."""
    own = getattr(given, split)
    name = own or getattr(options, split)
    if not name:
        return None, _not_set(split)
    if own:
        path = absolute(own, Path.cwd())
    else:
        path = join(folder, name) if is_uri(folder) else absolute(name, folder)
    if generated and not own:
        return path, None
    problem = _missing(path)
    way_out = f"say {split.upper()}=path" + ("" if own else " or DATA=folder")
    return path, problem and f"data.{split}: {problem}: {way_out}"


def _not_set(split: str) -> str | None:
    if split == "eval":
        return None
    return f"data.{split} is not set: say {split.upper()}=path (a file or a pattern)"


def resolve_data(
    options: DataOptions, given: DataPaths | None, base: Path, problems: list[str]
) -> DataOptions:
    """Returns the options with absolute patterns and adds what is missing to `problems`.

    Args:
      options: from a preset.
      given: from the command line, which wins; None for a run on another machine, whose files are
        not looked up here: the options stay as they are.
      base: folder that a relative `options.folder` starts from.
      problems: gets one line per split that has no file.
    """
    if given is None:
        missing = [_not_set(split) for split in SPLITS if not getattr(options, split)]
        problems += filter(None, missing)
        return options
    generated = options.generate and not given.folder
    if given.folder:
        folder = absolute(given.folder, Path.cwd())
    else:
        folder = absolute(options.folder or "", base if options.folder else Path.cwd())
    resolved = {}
    for split in SPLITS:
        resolved[split], problem = _resolve_split(split, options, given, folder, generated)
        problems += [problem] if problem else []
    kept_folder = folder if given.folder or options.folder else None
    return DataOptions(**resolved, folder=kept_folder, generate=generated)
