"""`session-retrieval day`: one day of a daily log, or several, each by a run of its own."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from modules.daily.days import is_date
from pipeline.cli.commands.run import (
    STOPPERS,
    check_runner,
    configure,
    end_with_children,
    execute_until_stopped,
    prepare,
    refuse,
    status_of_verdict,
)
from pipeline.cli.exit_statuses import ExitStatus
from pipeline.cli.options import (
    TEXT,
    beam_option,
    check_one,
    example,
    fail_if_refused_option,
    overrides_option,
    wait_option,
)
from pipeline.cli.outcomes import report_late
from pipeline.cli.quiet import held_back_stderr, quiet_for_now
from pipeline.config import Config, ConfigError
from pipeline.data_files import DataPaths
from pipeline.run.days import LateError, days_between, days_there, missed_days, named_day, next_day
from pipeline.run.lock import STARTING, exclusive
from pipeline.run.run_folders import recorded_folders, repeated_run, run_folders, utc_time

DEFAULT_PRESET = "daily"
_MOST_FAILURES = 3  # of a day that --catch-up tries again


def choose_days(
    config: Config, out: Path, first: str | None, last: str | None, catch_up: bool
) -> list[str]:
    """Returns the days to run, in order.

    Args:
      config: checked configuration; its `data.date` is the day to run, None for the next one.
      out: output folder, whose finished runs count as done.
      first: first of several days; None for a single day.
      last: last of several days.
      catch_up: whether to run all days that have not been run.

    Raises:
      LateError: the next day has no files yet.
      ValueError: a named day has no files, or one day and several are wanted.
    """
    if config.data.date and (first or catch_up):
        raise ValueError(
            f"data.date names one day, {config.data.date}, but "
            f"{'--from' if first else '--catch-up'} wants several: leave one of them out"
        )
    there = days_there(config.data)
    if config.data.date:
        return [named_day(config.data.date, there)]
    if first and last:
        return days_between(first, last, there)
    kind = "{YYYY" in str(config.data.daily)  # Runs with the other kind of names do not compare.
    runs = [run for run in run_folders(out) if is_date(run.day) == kind]
    done = {run.day for run in runs if run.summary().get("window")}
    if catch_up:
        return _without_hopeless(missed_days(there, done), out)
    day = next_day(there, done, config.checks.max_age_days)
    return [day] if day else []


def _without_hopeless(days: Sequence[str], out: Path) -> list[str]:
    """Leaves days out that failed several times; says so."""
    failures = Counter(run.day for run in recorded_folders(out) if run.has_failed())
    for day in days:
        if failures[day] >= _MOST_FAILURES:
            print(f"{day} is left out: it has failed {failures[day]} times; --date {day} runs it.")
    return [day for day in days if failures[day] < _MOST_FAILURES]


def run_day(config: Config, out: Path, day: str, again: bool, fail_if_refused: bool) -> int:
    """Runs one day unless that would repeat its newest run; returns the exit status.

    Args:
      config: checked configuration.
      out: output folder.
      day: day to evaluate.
      again: whether to run it even if that repeats its newest run.
      fail_if_refused: whether a refused model is an exit status of its own.
    """
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, date=day))
    prepare(config, out)
    with quiet_for_now(), held_back_stderr():  # Access to files loads TensorFlow.
        from pipeline.run.identity import identity

        run = None if again else repeated_run(out, day, identity(config))
    if run:
        print(
            f"{day} has been run with the same files, options and code: {run.path}\n"
            "Nothing to do; --again runs it all the same."
        )
        return status_of_verdict(ExitStatus.DONE, run.path, fail_if_refused)
    print(f"{utc_time(time.time())} Running {day}", flush=True)
    return status_of_verdict(execute_until_stopped(config, out), out, fail_if_refused)


def run_days(
    config: Config,
    out: Path,
    days: Sequence[str],
    again: bool,
    fail_if_refused: bool,
    past_failures: bool,
) -> int:
    """Runs days in order; returns the exit status of the first that cannot be run.

    A refused model does not keep the days after it from being run: it is reported at the end. With
    `past_failures` a failed day does not either: it would be the first of the missed days for ever.
    """
    status = int(ExitStatus.DONE)
    goes_on = {ExitStatus.DONE, ExitStatus.REFUSED, *([ExitStatus.FAILED] * past_failures)}
    for number, day in enumerate(days, 1):
        if len(days) > 1:
            print(f"Day {day} ({number} of {len(days)})", flush=True)
        found = run_day(config, out, day, again, fail_if_refused)
        if found not in goes_on:
            return found
        failed = ExitStatus.FAILED in (status, found)
        status = ExitStatus.FAILED if failed else max(status, found)
    if not days:
        print("Nothing to do: all days that are over have been run.")
    return status


@click.command(**example("day --date 2015-09-11 --window 7"))
@click.option("--preset", type=TEXT, help=f"preset or YAML file  [{DEFAULT_PRESET}, or custom]")
@click.option("--data", type=TEXT, help="pattern of a day's files: '/log/{YYYY}-{MM}-{DD}*.tsv.gz'")
@click.option("--date", type=TEXT, help="date, or span, to evaluate  [the newest that is over]")
@click.option("--window", type=TEXT, help="days before it to train on  [7]")
@click.option("--from", "first", type=TEXT, help="first of several days, run in order")
@click.option("--to", "last", type=TEXT, help="last of several days")
@click.option("--catch-up", is_flag=True, help="run all past days that were not run, in order")
@click.option("--again", is_flag=True, help="run a day that has been run with the same files")
@beam_option
@overrides_option
@click.option("--out", type=TEXT, help="folder of all outputs  [default: output/<preset>]")
@wait_option
@fail_if_refused_option
def command(
    preset: str | None,
    data: str | None,
    date: str | None,
    window: str | None,
    first: str | None,
    last: str | None,
    catch_up: bool,
    again: bool,
    beam: str | None,
    overrides: Sequence[str],
    out: str | None,
    wait: bool,
    fail_if_refused: bool,
) -> int:
    """Run a day of a daily log: train on the days before it."""
    check_one(date=date, **{"from": first}, **{"catch-up": catch_up or None})
    if bool(first) != bool(last):
        raise click.UsageError("--from and --to belong together: give both")
    end_with_children()
    given = {"data.date": date, "data.window": window}
    named = [f"{name}={value}" for name, value in given.items() if value]
    config, place = None, None
    try:
        config, place = configure(
            preset=preset or ("custom" if data else DEFAULT_PRESET),
            paths=DataPaths(daily=data),
            overrides=[*overrides, *named],
            out=out,
            beam=beam,
        )
        if not config.data.daily:
            problem = "data.daily is not set: give DATA=pattern of one day's files"
            raise ConfigError(config.name, [problem], config.hooks)
        with contextlib.ExitStack() as held:
            held.enter_context(exclusive(place, STARTING, wait))
            prepare(config, place, wait)
            check_runner(config, place)
            days = choose_days(config, place, first, last, catch_up)
            return run_days(config, place, days, again, fail_if_refused, past_failures=catch_up)
    except LateError as error:
        assert config and place
        print(error, file=sys.stderr)
        report_late(config, place, error)
        return ExitStatus.LATE
    except STOPPERS as error:
        return refuse(error, config, place or (Path(out) if out else None))
