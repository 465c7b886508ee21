"""Files of the three splits: names from a preset, paths from the command line."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modules.config.options.data import DEFAULT_TEST_FRACTION, DataOptions, TailOptions
from modules.config.options.items import ItemOptions
from modules.config.options.serving_validator import ServingValidatorOptions
from modules.config.options.sessions import SessionOptions
from modules.config.parsing import NULL
from modules.files.file_systems import FilePatternError
from modules.files.patterns import (
    absolute,
    find_files,
    is_file,
    is_uri,
    join,
    what_is_there,
)
from modules.files.placeholders import PLACEHOLDER
from modules.messages.quoting import quote, shorten
from modules.sessions.splits import SPLITS

_MOST_OF_A_PATH = 1000  # characters of a message, so that no real path is cut
_TRAIN_NOT_SET = "data.train is not set: give TRAIN=path (a file or a pattern)"


@dataclasses.dataclass(frozen=True)
class DataPaths:
    """Data paths from the command line, relative to the working directory.

    Attributes:
      folder: folder with files of the preset's names.
      train: path or pattern in place of the preset's; so are `eval` and `test`.
      daily: pattern of one day's files, in place of all of these.
    """

    folder: str | None = None
    train: str | None = None
    eval: str | None = None
    test: str | None = None
    daily: str | None = None

    def any(self) -> bool:
        """Returns whether any is given."""
        return any((self.folder, self.train, self.eval, self.test, self.daily))


def why_missing(path: str) -> str:
    """Returns why a pattern matches no file, "" if it matches one."""
    try:
        if find_files(path):
            return ""
        there = what_is_there(path)
    except FilePatternError as error:
        return shorten(str(error), _MOST_OF_A_PATH)
    problem = f"no file matches {path}" + ("" if there == "nothing" else f", {there}")
    return shorten(problem, _MOST_OF_A_PATH)


def _resolve_split(
    split: str, options: DataOptions, given: DataPaths, folder: str, generated: bool
) -> tuple[str | None, str | None]:
    """Returns a split's absolute pattern and the problem with it, None if there is none."""
    own = getattr(given, split)
    name = own or getattr(options, split)
    if not name:
        return None, _TRAIN_NOT_SET if split == "train" else None
    if own:
        path = absolute(own, Path.cwd())
    else:
        path = join(folder, name) if is_uri(folder) else absolute(name, folder)
    if generated and not own:
        return path, None
    problem = why_missing(path)
    fix = f"give {split.upper()}=path"
    if not own:
        can_be_cut = f", or SET=data.{split}=null to cut it from train" * (split != "train")
        fix += f" or DATA=folder{can_be_cut}"
    return path, problem and f"data.{split}: {problem}: {fix}"


def _resolve_tail(
    tail: TailOptions, files: dict[str, str | None], needs_test: bool, problems: list[str]
) -> TailOptions:
    """Returns what is cut from train for split test, if it is needed and not given."""
    if not tail and (files["test"] or not needs_test):
        return tail
    name, value = next(
        ((name, value) for name, value in dataclasses.asdict(tail).items() if value is not None),
        ("test_fraction", DEFAULT_TEST_FRACTION),
    )
    if files["test"]:
        problems.append(
            f"data.{name} is {value:g}, which cuts split test from train, but data.test is "
            f"{files['test']}: remove one of them (SET=data.{name}=null; or "
            "SET=data.test=null, and no TEST=)"
        )
    elif files["eval"]:
        problems.append(
            f"data.test is not set, and cannot be cut from train since data.eval is "
            f"{files['eval']}: the end of train would be older than eval. Give TEST=path too, or "
            "leave EVAL out, so that both are cut"
        )
    return dataclasses.replace(tail, **{name: value})


def _resolve_daily(
    options: DataOptions, given: DataPaths, folder: str, generated: bool, problems: list[str]
) -> DataOptions:
    """Returns the options with the absolute pattern of one day's files."""
    name = options.daily or ""
    path = join(folder, name) if is_uri(folder) else absolute(name, folder)
    # A folder without files yet is that of a log that is late.
    if not (generated or _is_empty_folder(path)) and (problem := why_missing(path)):
        problems.append(f"data.daily: {problem}: give DATA=pattern")
    kept_folder = folder if given.folder or options.folder else None
    return dataclasses.replace(options, daily=path, folder=kept_folder, generate=generated)


def _is_empty_folder(pattern: str) -> bool:
    """Returns whether a pattern's folder, named without placeholders, is there and is empty."""
    folder = Path(pattern).parent
    try:
        return not is_uri(pattern) and folder.is_dir() and not any(folder.iterdir())
    except OSError:
        return False


def resolve_data(
    options: DataOptions,
    given: DataPaths | None,
    base: Path,
    problems: list[str],
    needs_test: bool = True,
) -> DataOptions:
    """Returns the options with absolute patterns and adds a line per problem to `problems`.

    Args:
      options: options of a preset.
      given: paths of the command line, which take precedence; None for a run on another machine,
        whose files are not looked up here: the options keep their paths.
      base: base of a relative `options.folder`.
      problems: extended by one line per split without a file, or with two sources.
      needs_test: whether split test is evaluated; otherwise a preset's file of it may be missing.
    """
    if given is None:
        if options.daily:
            return options
        problems += [] if options.train else [_TRAIN_NOT_SET]
        named = {split: getattr(options, split) for split in SPLITS}
        tail = _resolve_tail(options.tail, named, needs_test, problems)
        return dataclasses.replace(options, **dataclasses.asdict(tail))
    generated = options.generate and not given.folder
    if given.folder:
        folder = absolute(given.folder, Path.cwd())
    else:
        folder = absolute(options.folder or "", base if options.folder else Path.cwd())
    if options.daily:
        return _resolve_daily(options, given, folder, generated, problems)
    files: dict[str, Any] = {}
    for split in SPLITS:
        files[split], problem = _resolve_split(split, options, given, folder, generated)
        if problem and split == "test" and not (needs_test or given.test):
            files[split] = problem = None
        problems += [problem] if problem else []
    tail = _resolve_tail(options.tail, files, needs_test, problems)
    kept_folder = folder if given.folder or options.folder else None
    found = {**files, **dataclasses.asdict(tail)}
    return dataclasses.replace(options, folder=kept_folder, generate=generated, **found)


def with_given_files(values: dict[str, Any], given: DataPaths | None, is_bundled: bool) -> None:
    """Drops the files of a preset or YAML file that the user's data replace.

    These are all for daily data, and eval and test of a bundled preset if TRAIN alone is given:
    otherwise a file that happens to have the preset's name would be used for test.

    Args:
      values: values of the file; changed in place.
      given: paths of the command line.
      is_bundled: whether the file is a bundled preset.
    """
    section = values.get("data", {})
    if not (given and isinstance(section, dict)):
        return
    if given.daily:
        kept = {key: section[key] for key in section.keys() - {"train", "eval", "test", "generate"}}
        values["data"] = {**kept, "daily": absolute(given.daily, Path.cwd())}
    elif is_bundled and given.train and not given.folder:
        values["data"] = {k: v for k, v in section.items() if k not in ("eval", "test")}


def without_replaced_cut(
    values: dict[str, Any], given: DataPaths | None, overrides: Sequence[str]
) -> None:
    """Drops a file's options for cutting split test if the command line sets others.

    A run's `config.yaml` also has the defaults, so that it can be repeated; as a preset it must
    still allow another split test.

    Args:
      values: values of the file; changed in place.
      given: paths of the command line.
      overrides: overrides of the command line, `section.key=value` each.
    """
    section = values.get("data")
    if not isinstance(section, dict):
        return
    said = {name for name, _, text in (each.partition("=") for each in overrides) if text != NULL}
    if given and given.test:
        said.add("data.test")
    cuts = ("test_days", "test_fraction")
    if said & {"data.test", *(f"data.{cut}" for cut in cuts)}:
        values["data"] = {key: value for key, value in section.items() if key not in cuts}


def describe_cut(data: DataOptions) -> str:
    """Says what becomes split test of data that have no file of it; "" otherwise."""
    if data.daily:
        day = data.date or "the newest day"
        return f"Split test: {day} of {data.daily}; split train: the {data.window} days before it."
    if data.test_days is not None:
        return (
            f"Split test: the sessions of {data.train} that start in the last "
            f"{data.test_days:g} days (data.test_days)."
        )
    if data.test_fraction is not None:
        return (
            f"Split test: the last {100 * data.test_fraction:g} % of the sessions of {data.train}, "
            "by start time (data.test_fraction; or set data.test_days, or TEST=path)."
        )
    return ""


def resolve_offers(
    options: ServingValidatorOptions, is_here: bool, problems: list[str]
) -> ServingValidatorOptions:
    """Returns the options with an absolute path of the list of offered items.

    Args:
      options: options of what serves.
      is_here: whether the run is on this machine, where a list must be there from the start.
      problems: extended by a line if the list cannot be used.
    """
    path = _resolve_list("serving.offer_file", options.offer_file, is_here, problems)
    return dataclasses.replace(options, offer_file=path)


def resolve_forgotten(
    options: SessionOptions, is_here: bool, problems: list[str]
) -> SessionOptions:
    """Returns the options with an absolute path of the list of what is left out.

    Args:
      options: how rows are read.
      is_here: as for `resolve_offers`.
      problems: extended by a line if the list cannot be used.
    """
    path = _resolve_list("sessions.forget_file", options.forget_file, is_here, problems)
    return dataclasses.replace(options, forget_file=path)


def _resolve_list(name: str, given: str | None, is_here: bool, problems: list[str]) -> str | None:
    """Returns the absolute path of the list that an option names."""
    if given is None:
        return None
    path = absolute(given, Path.cwd()) if is_here else given
    if PLACEHOLDER.search(path):
        problems.append(f"{name} must name one file, without placeholders, got {quote(path)}")
    elif is_here and (problem := _why_no_list(path)):
        problems.append(f"{name}: {problem}")
    return path


def _why_no_list(path: str) -> str:
    try:
        return "" if is_file(path) else shorten(f"there is no file {path}", _MOST_OF_A_PATH)
    except FilePatternError as error:
        return shorten(str(error), _MOST_OF_A_PATH)


def resolve_items(
    options: ItemOptions, is_here: bool, problems: list[str], features: Sequence[str] = ()
) -> ItemOptions:
    """Returns the options with an absolute pattern of the files of items.

    Args:
      options: options of the items.
      is_here: whether the run is on this machine, where the files must be there from the start,
        with the columns that the options name.
      problems: extended by a line if they cannot be used.
      features: further columns that the files must have.
    """
    if options.file is None or not is_here:
        return options
    path = absolute(options.file, Path.cwd())
    if problem := why_missing(path):
        problems.append(f"items.file: {problem}")
    elif not options.problems():
        problems += _problems_of_items(path, options, features)
    return dataclasses.replace(options, file=path)


def _problems_of_items(pattern: str, options: ItemOptions, features: Sequence[str]) -> list[str]:
    """Returns what is wrong with the beginnings of the files."""
    # It loads TensorFlow, which configurations without items do without.
    from modules.items.item_files import ItemDataError, check_columns, find_item_files

    try:
        for path in find_item_files(pattern):
            check_columns(path, options, features)
    except ItemDataError as error:
        return [shorten(str(error), _MOST_OF_A_PATH)]
    return []
