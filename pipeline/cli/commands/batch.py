"""`session-retrieval batch`: recommended items for all sessions of a file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from modules.config.overrides import split_overrides
from modules.files.folders import check_new_folder
from modules.files.patterns import absolute, check_scheme, is_uri
from modules.sessions.sessions import SessionDataError
from pipeline.beam.preset_files import beam_preset_names, load_beam_preset
from pipeline.beam.prism import with_prism
from pipeline.cli.options import (
    between,
    check_one,
    example,
    find_model,
    out_option,
    overrides_option,
)
from pipeline.cli.quiet import load_tensorflow, quieten
from pipeline.config import LOCAL_BEAM, ConfigError, load_config
from pipeline.data_files import why_missing
from pipeline.run.launch import saved_config
from serving.pushed_models import NoModelError, check_loadable


@click.command(**example("batch --sessions log.tsv --to recommendations/"))
@click.option("--sessions", required=True, help="file of click rows, or pattern of files")
@click.option("--to", required=True, help="folder of the recommendations, new or empty")
@click.option("--format", "file_format", type=click.Choice(("tsv", "parquet")), default="tsv")
@click.option("-k", "count", type=between(1, 100), default=20, help="items per session")
@click.option(
    "--shards",
    type=between(1, 4096),
    help="about how many files, each of which one worker holds  [default: 1 per 2 MiB of input]",
)
@click.option(
    "--request-size", type=between(1, 10_000), default=64, help="sessions per call of the model"
)
@click.option("--preset", help="preset of the column names  [default: the run's own]")
@overrides_option
@click.option(
    "--beam",
    multiple=True,
    metavar="NAME|FLAG",
    help="Beam preset, or flag; repeatable",
)
@click.option("--model", help="folder of a SavedModel, or a URI that all workers can read")
@out_option
def command(
    sessions: str,
    to: str,
    preset: str | None,
    overrides: tuple[str, ...],
    beam: tuple[str, ...],
    model: str | None,
    out: Path | None,
    **settings: Any,
) -> int:
    """Recommend items for all sessions of a file, with Beam."""
    check_one(model=model, out=out)
    quieten()
    try:
        here = Path.cwd()
        files = absolute(sessions, here), absolute(to, here)
        _check_files(*files)
        newest = None if model else find_model(None, out)
        place = absolute(str(model or newest), here)
        check_loadable(place)
        run = saved_config(newest.parents[1]) if newest else None
        parts = [part for text in overrides for part in split_overrides(text)]
        # The run's own data may be missing; only the options for reading rows are used here.
        config = load_config(preset or run or "sample", parts, data=None)
        # Beam and TensorFlow take seconds to load: only now, when all else is right.
        load_tensorflow()
        from serving.batch import BatchJob, run_batch

        settings["beam_args"] = beam_flags(beam)
        summary = run_batch(BatchJob(place, *files, config.sessions, **settings))
    except (NoModelError, ConfigError, SessionDataError, FileExistsError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    for name, value in summary.items():
        print(f"{name.replace('_', ' '):<26} {value}")
    return 0


def beam_flags(given: Sequence[str]) -> tuple[str, ...]:
    """Returns the flags of the job: given ones, presets' in place of their names, or the default.

    Raises:
      ConfigError: a preset is not valid.
    """
    flags: list[str] = []
    for value in given:
        is_preset = value in beam_preset_names() or value.endswith(".yaml")
        flags += load_beam_preset(value).flags if is_preset else [value]
    return with_prism(flags or LOCAL_BEAM)


def _check_files(sessions: str, to: str) -> None:
    """Checks the files to read and the folder to write, as far as they are on this machine.

    Raises:
      ValueError: no file matches, or the folder cannot be used.
    """
    check_scheme(to)
    check_new_folder(to)
    if not is_uri(sessions) and (problem := why_missing(sessions)):
        raise ValueError(f"--sessions: {problem}")
