"""A daily pipeline over some days, as an operator lives through them, with a tiny model.

`make test-fortnight` evaluates a past day too, and lives through fourteen days, with a pause, a
refusal and a backfill.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.run.run_folders import run_folders
from pipeline.sample.generate import write_days

PROJECT = Path(__file__).resolve().parents[2]
# One epoch of a tiny model on a few dozen sessions a day beats nothing.
SETTINGS = (
    "trainer.max_epochs=1 trainer.refit=false model.ensemble_size=1 model.embedding_dim=8 "
    "model.gru_units=8 baselines.names=[popularity] gate.beat_baselines=[] gate.resamples=100 "
    "gate.pooled_days=3"
)
REFUSED = "gate.thresholds.honest/all/recall@20=0.99"
FAILED, LATE = 1, 4
SECRET_DAYS, SECRET_ENDS = (7, 8, 9), "ab"
FORGOTTEN = [f"secret-visit-{day:02d}a" for day in SECRET_DAYS]


class Shop:
    """A log that grows by a file a day, and the command that runs its days."""

    def __init__(self, folder: Path) -> None:
        """Writes fourteen days aside; none has come yet."""
        self._folder = folder
        self.out = folder / "out"
        (folder / "log").mkdir()
        write_days(folder / "later", sessions=700)
        for day in SECRET_DAYS:
            self._add_secret_sessions(self._file("later", day))

    def _file(self, place: str, day: int) -> Path:
        return self._folder / place / f"clicks-2015-09-{day:02d}.tsv"

    @staticmethod
    def _add_secret_sessions(path: Path) -> None:
        """Adds sessions with items that no other session has, and a row that is rejected."""
        day, lines = path.stem[-2:], path.read_text().splitlines()
        for end, other in zip(SECRET_ENDS, lines[1:], strict=False):
            session, item = f"secret-visit-{day}{end}", f"only-item-{day}{end}"
            _, common, start = other.split("\t")
            clicks = [(item, 0), (common, 1_000), (item, 2_000), (item, 3_000)]
            lines += [f"{session}\t{each}\t{int(start) + after}" for each, after in clicks]
        lines.append(f"secret-visit-{day}{SECRET_ENDS[0]}\t{common}\tnever")
        path.write_text("\n".join(lines) + "\n")

    def forget(self, *sessions: str) -> str:
        """Forgets sessions, removes them from the log too, and returns what was printed."""
        ids = self._folder / "ids.txt"
        ids.write_text("\n".join(sessions) + "\n")
        command = ["forget", "--sessions", str(ids), "--out", str(self.out)]
        done = subprocess.run(
            [sys.executable, "-m", "pipeline.cli", *command],
            capture_output=True,
            text=True,
            cwd=PROJECT,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        for path in sorted((self._folder / "log").iterdir()):
            lines = path.read_text().splitlines(keepends=True)
            path.write_text("".join(row for row in lines if row.split("\t")[0] not in sessions))
        return done.stdout

    def comes(self, *days: int) -> None:
        """Lets the files of days of September come."""
        for day in days:
            self._file("later", day).rename(self._file("log", day))

    def day(self, *arguments: str, settings: str = "") -> subprocess.CompletedProcess[str]:
        """Runs `session-retrieval day`."""
        return subprocess.run(
            [
                *(sys.executable, "-m", "pipeline.cli", "day", *arguments),
                *("--data", f"{self._folder}/log/clicks-{{YYYY}}-{{MM}}-{{DD}}.tsv"),
                *("--window", "3", "--out", str(self.out), "--set", f"{SETTINGS} {settings}"),
            ],
            capture_output=True,
            text=True,
            cwd=PROJECT,
            env={k: v for k, v in os.environ.items() if k != "TF_USE_LEGACY_KERAS"},
            timeout=1200,
        )

    def days_run(self) -> list[str]:
        """Returns the names of the folders of finished runs."""
        return [run.path.name for run in run_folders(self.out)]

    def summary(self, day: str) -> dict[str, Any]:
        """Returns the summary that a day's newest finished run left."""
        return [run for run in run_folders(self.out) if run.day == day][-1].summary()

    def versions(self) -> list[str]:
        """Returns the pushed versions, the newest last."""
        return sorted(path.name for path in (self.out / "pushed").iterdir())


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Returns a shop after two days in order; the log goes until the 9th."""
    shop = Shop(tmp_path_factory.mktemp("shop"))
    shop.comes(4, 5, 6, 7, 8, 9)
    done = shop.day("--from", "2015-09-08", "--to", "2015-09-09")
    assert done.returncode == 0, done.stdout + done.stderr
    return shop


def _compared(summary: dict[str, Any]) -> tuple[str, str | None]:
    last = summary["gate"]["last_blessed"]
    return last["status"], last.get("version")


def test_each_day_trains_on_those_before_it_and_meets_the_model_that_serves(shop: Shop) -> None:
    first, second = shop.summary("2015-09-08"), shop.summary("2015-09-09")
    assert list(first["window"]["bytes"]) == [f"2015-09-{day:02d}" for day in (5, 6, 7, 8)]
    assert second["window"]["day"] == "2015-09-09"
    assert _compared(first) == ("none", None)
    assert _compared(second) == ("compared", shop.versions()[0])
    assert second["gate"]["last_blessed"]["learned"]["sessions"] < 200
    assert len(shop.versions()) == 2


def test_a_late_day_and_a_day_run_twice_train_nothing(shop: Shop) -> None:
    before = shop.days_run(), shop.versions()
    late = shop.day()
    assert late.returncode == LATE
    assert "No day after 2015-09-09 has files yet, and that one has been run" in late.stderr
    twice = shop.day("--date", "2015-09-09")
    assert twice.returncode == 0
    assert "2015-09-09 has been run with the same files, options and code" in twice.stdout
    assert (shop.days_run(), shop.versions()) == before


@pytest.mark.exhaustive
def test_a_past_day_is_evaluated_and_pushes_nothing(shop: Shop) -> None:
    serving = shop.versions()
    done = shop.day("--date", "2015-09-07")
    assert done.returncode == 0, done.stdout + done.stderr
    summary = shop.summary("2015-09-07")
    assert summary["blessed"], summary["reasons"]
    assert _compared(summary)[0] == "left out"
    assert "Pushed:  nothing, since version" in done.stdout
    assert summary["not_pushed"].startswith(f"version {serving[-1]} serves, which is of 2015")
    assert shop.versions() == serving


def test_forgotten_sessions_are_found_nowhere_but_in_what_is_listed(shop: Shop) -> None:
    names = [*FORGOTTEN, *(f"only-item-{day:02d}a" for day in SECRET_DAYS)]
    assert len(_holding(shop.out, FORGOTTEN)) > 10

    said = shop.forget(*FORGOTTEN)

    listed = {line.strip() for line in said.splitlines() if line.startswith(f"  {shop.out}/")}
    left = _holding(shop.out, names)
    assert {place for place in listed if any(is_below(path, place) for path in left)} == listed
    assert [path for path in left if not any(is_below(path, place) for place in listed)] == []
    assert not _holding(shop.out, FORGOTTEN)
    kept = _holding(shop.out, [f"secret-visit-{day:02d}b" for day in SECRET_DAYS])
    assert any("SessionExampleGen" in str(path) for path in kept)


def test_a_hole_in_the_window_stops_the_run_and_a_refusal_pushes_nothing(shop: Shop) -> None:
    shop.comes(11)
    serving = shop.versions()
    stopped = shop.day()
    assert stopped.returncode == FAILED
    assert "1 of 3 days to train on have no file: 2015-09-10" in stopped.stdout
    shop.comes(10)
    refused = shop.day("--date", "2015-09-11", settings=REFUSED)
    assert refused.returncode == 0, refused.stdout + refused.stderr
    assert "amaged" not in refused.stdout
    assert not _holding(shop.out, FORGOTTEN)  # the test above removed them from the log, too
    summary = shop.summary("2015-09-11")
    assert not summary["blessed"]
    assert _compared(summary) == ("compared", serving[-1])
    # A past day that was run in between is no part of it.
    pooled = [row["metric"] for row in summary["gate"]["rows"] if row["days"]]
    assert "honest/all/recall@20 over 2 days" in pooled
    assert shop.versions() == serving


def is_below(path: Path, place: str) -> bool:
    return path.is_relative_to(place)


def _holding(out: Path, names: list[str]) -> list[Path]:
    """Returns the files that hold one of the names, also in compressed form."""
    wanted = [name.encode() for name in names]
    files = [path for path in sorted(out.rglob("*")) if path.is_file()]
    return [path for path in files if any(name in _unpacked(path) for name in wanted)]


def _unpacked(path: Path) -> bytes:
    content = path.read_bytes()
    if content.startswith(b"\x1f\x8b"):
        return gzip.decompress(content)
    if content.startswith(b"PAR1"):
        return content + repr(pq.read_table(path).to_pydict()).encode()
    return content


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)  # ten runs
def test_a_fortnight_goes_on_after_a_pause_a_refusal_and_a_backfill(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    shop = Shop(tmp_path_factory.mktemp("fortnight"))
    shop.comes(*range(4, 9))
    assert shop.day().returncode == 0
    shop.comes(9)
    assert shop.day(settings=REFUSED).returncode == 0
    shop.comes(10)
    assert shop.day().returncode == 0  # No refusal makes the next one likelier.
    shop.comes(11, 12, 13)  # a pause of two days
    assert shop.day().returncode == 0
    assert shop.day().returncode == LATE
    caught_up = shop.day("--catch-up")
    assert caught_up.returncode == 0, caught_up.stdout + caught_up.stderr
    for day in (14, 15, 16, 17):
        shop.comes(day)
        assert shop.day().returncode == 0
    runs = {run.day: run.summary() for run in run_folders(shop.out)}
    assert sorted(runs) == [f"2015-09-{day:02d}" for day in range(8, 18)]
    assert [day for day, run in runs.items() if not run["blessed"]] == ["2015-09-09"]
    not_pushed = [day for day, run in runs.items() if run["not_pushed"]]
    assert not_pushed == ["2015-09-11", "2015-09-12"]
    pushed = [run["pushed_model"] for run in runs.values() if run["pushed_model"]]
    assert pushed == sorted(pushed)
    # Each was compared with the one that served when its day began.
    assert runs["2015-09-10"]["gate"]["last_blessed"]["version"] == Path(pushed[0]).name
    assert runs["2015-09-12"]["gate"]["last_blessed"]["version"] == Path(pushed[1]).name
    assert runs["2015-09-17"]["gate"]["last_blessed"]["version"] == Path(pushed[-2]).name
