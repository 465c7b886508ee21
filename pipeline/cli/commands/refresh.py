"""`session-retrieval refresh`: pushes the newest model with other or more items, untrained."""

from __future__ import annotations

import datetime
import functools
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modules.config.options.sessions import SessionOptions
from modules.files.mlmd_file import MetadataFileError, check_metadata_file, holds_runs
from modules.files.patterns import absolute
from modules.files.text_file import TextFileError, read_text
from modules.messages.counting import counted
from modules.sessions.event_times import time_to_ms, utc_text
from pipeline.cli.options import FILE, FOLDER, Value, example, find_pushed, number, out_option
from pipeline.cli.outcomes import record_refresh
from pipeline.cli.quiet import load_tensorflow, quieten
from pipeline.paths import PROJECT, Paths
from pipeline.run.launch import saved_config
from pipeline.run.run_folders import CONFIG_FILE
from serving.logged_requests import PATTERN
from serving.pushed_models import NoModelError, check_loadable

if TYPE_CHECKING:  # they load TensorFlow
    from pipeline.config import Config
    from serving.click_refresh import ItemValues

_UNITS = {"s": 1, "m": 60, "h": 3600}
_PUSHED, _UNRECORDED = "Pushed", "--unrecorded"


def _moment(text: str) -> int:
    """Reads a time as click logs have it, in ms."""
    if (found := time_to_ms(text.encode())) is None:
        raise ValueError(f"must be a time such as 2015-09-11T12:00:00Z, got {text!r}")
    return found


def duration(text: str) -> float:
    """Reads a duration, in seconds."""
    found = re.fullmatch(r"(\d{1,6})([smh])", text)
    if not found or not int(found[1]):
        raise ValueError(f"must be a duration such as 30s, 10m or 1h, got {text!r}")
    return int(found[1]) * _UNITS[found[2]]


@click.command(**example("refresh --sessions 'clicks/*.tsv' --every 10m"))
@click.option("--items", type=FILE, help="file of the recommendable item ids, one per line")
@click.option("--sessions", multiple=True, metavar="FILES",
              help="click log since the training, or a pattern of files")  # fmt: skip
@click.option("--requests", type=FOLDER, help="folder of a request log of the server, likewise")
@click.option(
    "--requests-share",
    type=number(1e-6, 1, "a number above 0, at most 1", kind=float),
    default=1.0,
    help="share of the sessions that the request log has (serve --log-share)",
)
@click.option("--since", type=Value("time", _moment),
              help="leave out earlier clicks  [the end of training]")  # fmt: skip
@click.option("--every", type=Value("time", duration),
              help="refresh again and again, such as each 10m, until stopped")  # fmt: skip
@click.option("--unrecorded", is_flag=True, hidden=True)
@out_option
@click.option(
    "--least-share",
    type=number(0, 1, "a number from 0 to 1", kind=float),
    default=0.5,
    help="share of the catalogue that must stay recommendable",
)
@click.option(
    "--most-new",
    type=number(0, 100, "a number from 0 to 100", kind=float),
    default=1.0,
    help="most new items, as a share of the catalogue",
)
def command(
    items: Path | None,
    sessions: tuple[str, ...],
    requests: Path | None,
    requests_share: float,
    since: int | None,
    every: float | None,
    unrecorded: bool,
    out: Path | None,
    least_share: float,
    most_new: float,
) -> int:
    """Push the newest model with new items, or with fewer.

    --sessions and --requests add the items that were clicked since the training, each with the mean
    of the vectors of items clicked beside it, and move the vectors of the others by these clicks.
    --items restricts recommendations to a list.
    """
    has_clicks = bool(sessions) or requests is not None
    if not has_clicks and items is None:
        raise click.UsageError("give --sessions or --requests, for new items, or a list by --items")
    if not has_clicks and (since is not None or every is not None):
        raise click.UsageError("--since and --every need --sessions or --requests")
    if requests is None and requests_share != 1:
        raise click.UsageError("--requests-share needs --requests")
    quieten()
    try:
        base = find_pushed(out).absolute()
        check_loadable(base)
        # Here too, since the model takes seconds to load.
        if items:
            read_text(items)
        metadata = Path(Paths.under(base.parents[1]).metadata)
        check_metadata_file(metadata)
        out_folder = base.parents[1]
        config = _config(out_folder) if has_clicks else None
        sources = _sources(sessions, requests, requests_share, config) if config else []
        if every is not None:
            words = _words(sessions, requests, since, items, out_folder)
            shares = ["--least-share", str(least_share), "--most-new", str(most_new)]
            shares += ["--requests-share", str(requests_share)]
            return _again_and_again([*words, *shares], every)
        load_tensorflow()
        if not sources:
            assert items
            return _refresh_by_list(base, items, metadata, least_share)
        from serving.click_refresh import Limits

        limits = Limits(most_new, least_share)
        assert config
        values_of = features_of_new_items(config)
        return _refresh_by_clicks(
            base, sources, metadata, since, items, limits, values_of, not unrecorded
        )
    except (NoModelError, TextFileError, MetadataFileError) as error:
        print(error, file=sys.stderr)
        return 1


def _words(
    sessions: tuple[str, ...],
    requests: Path | None,
    since: int | None,
    items: Path | None,
    out: Path,
) -> list[str]:
    """Returns the options of the command that refreshes once."""
    given = {"--requests": requests, "--items": items, "--out": out}
    words = [word for name, value in given.items() if value for word in (name, str(value))]
    words += [word for pattern in sessions for word in ("--sessions", pattern)]
    if since is not None:
        moment = datetime.datetime.fromtimestamp(since / 1000, datetime.timezone.utc)
        words += ["--since", moment.isoformat(timespec="milliseconds")]
    return words


def _config(out: Path) -> Config:
    """Returns the configuration of the last run.

    Raises:
      click.ClickException: it cannot be used.
    """
    from pipeline.config import ConfigError, load_config

    try:
        return load_config(saved_config(out) or "sample", data=None)
    except ConfigError as error:
        raise click.ClickException(str(error)) from error


def features_of_new_items(config: Config) -> ItemValues | None:
    """Returns what reads features of new items; None if the model learns none."""
    if config.items.file is None or not config.model.item_features:
        return None
    from modules.items.item_files import read_values

    return functools.partial(read_values, config.items.file, config.items)


def _sources(
    sessions: tuple[str, ...], requests: Path | None, requests_share: float, config: Config
) -> list[tuple[str, SessionOptions, float]]:
    """Returns where clicks are, how they are read, and how much each counts."""
    options = config.sessions
    share = options.sample_fraction  # of its sessions training counted the events
    found = [(absolute(pattern, Path.cwd()), options, share) for pattern in sessions]
    # The log has the columns of a click log of no option, and seconds.
    logged = SessionOptions(
        forget_file=options.forget_file,
        delimiter="\t",
        quoting="none",
        drop_immediate_repeats=True,  # several requests of one page
    )
    if requests:
        found.append((str(requests / PATTERN), logged, share / requests_share))
    return found


def _refresh_by_list(base: Path, items: Path, metadata: Path, least_share: float) -> int:
    from serving.catalog_refresh import RefreshError, refresh

    began = time.time()
    try:
        done = refresh(base, items, base.parent, least_share)
    except RefreshError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Pushed   {done.folder}\nfrom     {done.base}")
    print(f"items    {done.offered:,} of {done.catalogue:,} of the catalogue are recommendable")
    print(f"changes  {done.gone:,} removed, {done.back:,} restored, in {done.seconds:.1f} s")
    if done.unknown:
        unknown = counted(done.unknown, "item")
        print(f"ignored  {unknown} of the list that the model was not trained on")
    if standing := _standing_list(base.parents[1]):
        print(
            f"standing {standing} is what the next push recommends again (serving.offer_file): "
            "change that list too"
        )
    counts = {name: getattr(done, name) for name in ("catalogue", "offered", "gone", "back")}
    record_refresh(base.parents[1], done.base, done.folder, counts, done.seconds, began)
    properties = {"items": str(items), **counts, "unknown": done.unknown}
    return _record_lineage(metadata, done.base, done.folder, properties)


def _refresh_by_clicks(
    base: Path,
    sources: list[tuple[str, SessionOptions, float]],
    metadata: Path,
    since: int | None,
    items: Path | None,
    limits: Any,
    values_of: ItemValues | None,
    is_recorded: bool,
) -> int:
    from modules.sessions.sessions import SessionDataError
    from pipeline.refresh.from_clicks import NothingToRefreshError, refresh_stable
    from serving.catalog_refresh import RefreshError

    began = time.time()
    try:
        done = refresh_stable(base.parent, sources, since, limits, items, values_of)
    except NothingToRefreshError as error:
        print(error)
        return 0
    except (RefreshError, SessionDataError, NoModelError) as error:
        print(error, file=sys.stderr)
        return 1
    _print(done)
    if not is_recorded:
        return 0
    counts = {"catalogue": done.catalogue, "offered": done.offered, "new": done.new}
    record_refresh(base.parents[1], done.base, done.folder, counts, done.seconds, began)
    properties = {**counts, "clicks": done.clicks, "until": done.until}
    return _record_lineage(metadata, done.base, done.folder, properties)


def _again_and_again(words: Sequence[str], every: float) -> int:
    """Refreshes until it is stopped; keeps the first refresh of each day in the history.

    Each in a process of its own: what TensorFlow keeps of a model that was freed adds up.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    command = [sys.executable, "-m", "pipeline.cli", "refresh", *words]
    paths = [str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}
    recorded = ""
    try:
        while True:
            began, today = time.monotonic(), time.strftime("%Y-%m-%d", time.gmtime())
            more = [] if today != recorded else [_UNRECORDED]
            with subprocess.Popen(
                [*command, *more], env=environ, stdout=subprocess.PIPE, text=True
            ) as turn:
                try:
                    assert turn.stdout
                    for line in turn.stdout:
                        print(line, end="", flush=True)
                        recorded = today if line.startswith(_PUSHED) else recorded
                except KeyboardInterrupt:
                    turn.terminate()
                    raise
            time.sleep(max(0.0, began + every - time.monotonic()))
    except KeyboardInterrupt:
        print("Stopped.")
        return 0


def _print(done: Any) -> None:
    print(f"{_PUSHED}   {done.folder}\nfrom     {done.base}")
    print(
        f"clicks   {done.clicks:,} of {counted(done.sessions, 'session')}, until "
        f"{utc_text(done.until)}"
    )
    if done.rejected:
        print(f"rejected {done.rejected}")
    limit = f", {done.left_out:,} beyond the limit" if done.left_out else ""
    print(
        f"items    {done.new:,} new of {done.catalogue:,}, {done.offered:,} of them recommendable; "
        f"{done.unplaced:,} clicked beside no known one yet{limit}"
    )
    if found := done.comparison:
        print(
            f"check    recall@20 of {found.steps:,} later clicks {found.recall:.4f}, without "
            f"refresh {found.base_recall:.4f}; {done.p50_ms:.2f} ms for a session, "
            f"{done.base_p50_ms:.2f} before"
        )
    else:
        print("check    too few clicks to compare the model with the one before")
    print(f"time     {done.seconds:.1f} s", flush=True)


def _standing_list(out: Path) -> str | None:
    """Returns the list that the last run's pushes follow, None if there is none."""
    from pipeline.config import ConfigError, load_config

    try:
        config = load_config(str(out / CONFIG_FILE), data=None)
    except ConfigError:
        return None
    return config.serving.offer_file


def _record_lineage(
    metadata: Path, base: Path, folder: Path, properties: Mapping[str, int | str]
) -> int:
    """Records the refresh in the run's metadata, if it has any; returns the exit status."""
    try:
        if holds_runs(metadata):
            from serving.lineage import record

            execution = record(metadata, base, folder, properties)
            print(f"lineage  execution {execution} in {metadata}")
    except MetadataFileError as error:
        print(f"The version was pushed, but its lineage was not recorded. {error}", file=sys.stderr)
        return 1
    return 0
