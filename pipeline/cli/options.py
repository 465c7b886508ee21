"""Common parts of subcommands: types of options, and the choice of a model or run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from modules.config.options.releases import STABLE
from modules.files.folders import local_path
from modules.messages.quoting import quote
from pipeline import paths
from pipeline.beam.preset_files import beam_preset_names
from pipeline.cluster.parameter_values import assignment
from serving.pushed_models import NoModelError, newest_model, released_models


class Value(click.ParamType[Any]):
    """A type whose function parses text; the message of its ValueError is shown."""

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        """Keeps the function.

        Args:
          name: placeholder of the value in the help.
          read: function from the text of the command line to the value.
        """
        self.name, self._read = name, read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Parses text; a default that is already a value stays."""
        try:
            return self._read(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(str(error), param, ctx)


def number(low: float, high: float, must_be: str, kind: Callable[[str], float] = int) -> Value:
    """Returns the type of a number within bounds; `must_be` is part of the message."""

    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = float("nan")
        if low <= value <= high:
            return value
        raise ValueError(f"must be {must_be}, got {quote(text)}")

    return Value("number", read)


def between(low: int, high: int) -> Value:
    """Returns the type of a whole number from `low` to `high`."""
    return number(low, high, f"between {low} and {high}")


def _given(text: str) -> str:
    """Returns text; an unset variable of a script is not the same as no option."""
    if not text:
        raise ValueError("must not be empty: give a value, or leave the option out")
    return text


TEXT = Value("text", _given)
FOLDER = Value("folder", local_path)
FILE = Value("file", local_path)
PATH = Value("file", Path)

out_option = click.option("--out", type=FOLDER, help="OUT folder of a run  [default: output/*]")
model_option = click.option("--model", type=FOLDER, help="folder of a SavedModel")
overrides_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="'SECTION.KEY=VALUE ...'",
    help="overrides single options; repeatable",
)
beam_option = click.option(
    "--beam",
    type=TEXT,
    metavar="NAME",
    help=f"Beam's runner ({', '.join(beam_preset_names())}), or path of such a YAML file",
)
wait_option = click.option(
    "--wait", is_flag=True, help="wait for another run of the output folder to end"
)
fail_if_refused_option = click.option(
    "--fail-if-refused", is_flag=True, help="exit with status 5 if the model is refused"
)
parameter_option = click.option(
    "--parameter",
    "parameters",
    type=Value("name=value", assignment),
    multiple=True,
    help="value of a runtime parameter; repeatable",
)


def example(text: str) -> dict[str, Any]:
    """Returns the settings of a command that ends its help with an example."""
    return {"epilog": f"\b\nExample: session-retrieval {text}"}  # \b: lines stay as they are


def check_one(**places: object) -> None:
    """Checks that at most one of the named options is given.

    Raises:
      click.UsageError: several are given.
    """
    given = [f"--{name}" for name, value in places.items() if value is not None]
    if len(given) > 1:
        raise click.UsageError(f"{' and '.join(given)} exclude each other: give one")


def outs(out: Path | None) -> list[Path]:
    """Returns the named output folder, else all in the checkout."""
    return [out] if out else sorted((paths.PROJECT / "output").glob("*"))


def newest_out(out: Path | None, file: str, *others: str) -> Path:
    """Returns the named output folder, else the one whose `file`, or another, was written last.

    Raises:
      click.ClickException: there is none.
    """
    places = [folder / name for folder in outs(out) for name in (file, *others)]
    found = [path for path in places if path.is_file()]
    if not found:
        folders = ", ".join(map(str, outs(out))) or "output/*"
        raise click.ClickException(
            f"No {file} in {folders}: no run has finished there. `make run` writes one; give the "
            "same OUT to both."
        )
    return max(found, key=lambda path: path.stat().st_mtime).parent


def find_pushed(out: Path | None) -> Path:
    """Returns the newest pushed model.

    Raises:
      NoModelError: none has been pushed.
    """
    return newest_model(folder / "pushed" for folder in outs(out))


def find_models(model: Path | None, out: Path | None) -> dict[str, Path]:
    """Returns the named model as `stable`, else the released ones by their labels.

    Raises:
      NoModelError: none has been pushed.
    """
    try:
        return {STABLE: model} if model else released_models(at / "pushed" for at in outs(out))
    except NoModelError as error:
        raise NoModelError(f"{error} Or name a SavedModel with --model.") from error


def find_model(model: Path | None, out: Path | None) -> Path:
    """Returns the named model, else the newest pushed one.

    Raises:
      NoModelError: none has been pushed.
    """
    return find_models(model, out)[STABLE]
