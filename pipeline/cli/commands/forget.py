"""`session-retrieval forget`: removes sessions and visitors from what an output folder holds."""

from __future__ import annotations

from pathlib import Path

import click
from google.protobuf.message import DecodeError

from modules.config.options.data import DataOptions
from modules.files.patterns import join
from modules.files.text_file import TextFileError, read_ids
from modules.sessions.splits import SPLITS
from pipeline.cli.options import FILE, FOLDER, example, newest_out, out_option
from pipeline.cli.quiet import load_tensorflow
from pipeline.config import ConfigError, load_config
from pipeline.paths import METADATA_FILE
from pipeline.run.run_folders import CONFIG_FILE


@click.command(**example("forget --sessions ids.txt --out output/sample --dry-run"))
@click.option(
    "--sessions", type=FILE, required=True, help="file of session or visitor ids, one per line"
)
@out_option
@click.option("--requests", type=FOLDER, help="folder of the server's request log, if not in OUT")
@click.option("--dry-run", is_flag=True, help="say what would be removed, and change nothing")
def command(sessions: Path, out: Path | None, requests: Path | None, dry_run: bool) -> int:
    """Remove sessions and visitors from everything in OUT."""
    load_tensorflow()
    import tensorflow as tf

    from pipeline.forget.forget import forget
    from pipeline.run.lock import STARTING, BusyError, exclusive

    folder = newest_out(out, METADATA_FILE, CONFIG_FILE).absolute()
    try:
        ids = read_ids(sessions)
        if not ids:
            raise click.ClickException(f"{sessions} has no ids: give one per line.")
        with exclusive(folder, STARTING), exclusive(folder):
            done = forget(folder, ids, dry_run, requests and requests.absolute())
    except (TextFileError, BusyError) as error:
        raise click.ClickException(str(error)) from error
    except (tf.errors.DataLossError, DecodeError, ValueError) as error:
        raise click.ClickException(
            f"A file in {folder} is damaged: {error}. The next run replaces it: repeat this "
            "command after it."
        ) from error
    print("\n".join(done.lines(dry_run)))
    try:
        config = load_config(str(folder / CONFIG_FILE), data=None)
    except ConfigError:
        return 0
    for path in _own_files(config.data):
        print(f"Your own files are not changed: {path}")
    if config.sessions.forget_file is None:
        print("Name such a list as sessions.forget_file, and runs leave these rows out.")
    else:
        print(f"Runs leave out the rows of the ids in {config.sessions.forget_file}.")
    return 0


def _own_files(data: DataOptions) -> list[str]:
    """Returns the patterns of the click logs of the last run."""
    names = [data.daily] if data.daily else [getattr(data, split) for split in SPLITS]
    return [join(data.folder or "/", name) for name in names if name]
