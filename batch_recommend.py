"""Recommend items for all sessions of a file with the newest pushed model.

python batch_recommend.py --sessions log.tsv --to recommendations/
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from modules.config.overrides import split_overrides
from modules.files.folders import local_folder
from modules.files.patterns import absolute, check_scheme
from modules.sessions.sessions import SessionDataError
from pipeline.config import LOCAL_BEAM, PROJECT, ConfigError, load_config
from pipeline.run.launch import saved_config
from serving.pushed_models import NoModelError, check_loadable, newest_model


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sessions", required=True, help="file of click rows, or pattern of files")
    parser.add_argument("--to", required=True, help="folder of the answers, new or empty")
    parser.add_argument("--format", choices=("tsv", "parquet"), default="tsv")
    parser.add_argument("-k", type=int, default=20, help="how many items for each session (20)")
    parser.add_argument("--shards", type=int, help="about how many files (one for 8 MiB of input)")
    parser.add_argument("--request-size", type=int, default=64, help="sessions asked at once (64)")
    parser.add_argument("--preset", help="whose column names to use (default: the run's own)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="'sessions.KEY=VALUE ...'",
        help="how rows are read: column names, delimiter, max_reject_fraction; repeatable",
    )
    parser.add_argument(
        "--beam", action="append", default=[], metavar="FLAG", help="of the Beam job; repeatable"
    )
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--model", help="folder of a SavedModel, or a URI that all workers see")
    place.add_argument("--out", type=local_folder, help="the run's OUT folder (default: output/*)")
    options = parser.parse_args(arguments)
    for name, low, high in (("k", 1, 100), ("request_size", 1, 10_000), ("shards", 1, 4096)):
        value = getattr(options, name)
        if value is not None and not low <= value <= high:
            parser.error(f"{name} must be between {low} and {high}, got {value}")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the job and prints its summary; returns the exit status."""
    options = parse_arguments(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.simplefilter("ignore")
    outs = [options.out] if options.out else sorted((PROJECT / "output").glob("*"))
    try:
        here = Path.cwd()
        check_scheme(options.to)
        newest = None if options.model else newest_model(out / "pushed" for out in outs)
        model = absolute(str(options.model or newest), here)
        check_loadable(model)
        run = saved_config(newest.parents[1]) if newest else None
        overrides = [part for text in options.set for part in split_overrides(text)]
        # The run's own data may be gone; only how rows are read is wanted here.
        config = load_config(options.preset or run or "sample", overrides, data=None)
        from serving.batch import BatchJob, run_batch

        job = BatchJob(
            model,
            absolute(options.sessions, here),
            absolute(options.to, here),
            config.sessions,
            options.k,
            options.format,
            options.shards,
            options.request_size,
            options.beam or LOCAL_BEAM,
        )
        summary = run_batch(job)
    except (NoModelError, ConfigError, SessionDataError, FileExistsError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    for name, value in summary.items():
        print(f"{name.replace('_', ' '):<26} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
