"""Processes of workers, here of a worker that does nothing or fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest
from tfx.components.trainer.fn_args_utils import FnArgs

from modules.data.scratch import PREFIX
from modules.training import local_workers


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes workers run given code instead of a training; returns what each start wrote."""
    (tmp_path / "code").mkdir()
    monkeypatch.setattr(local_workers, "_MODULE", "worker_for_tests")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "code"))
    monkeypatch.setenv("SEEN", str(tmp_path / "seen"))
    head = """
        import json, os, sys, time
        config = json.loads(os.environ["TF_CONFIG"])
        index = config["task"]["index"]
        with open(os.environ["SEEN"], "a") as file:
            file.write(json.dumps(config) + "\\n")
        seen = [json.loads(line) for line in open(os.environ["SEEN"])]
        starts = sum(config["task"]["index"] == index for config in seen)
    """

    def run(code: str, count: int) -> list[dict]:
        text = textwrap.dedent(head) + textwrap.dedent(code)
        (tmp_path / "code" / "worker_for_tests.py").write_text(text)
        local_workers.train(FnArgs(custom_config={}), count)
        return [json.loads(line) for line in (tmp_path / "seen").read_text().splitlines()]

    return run


def test_every_worker_knows_its_place_and_all_others(started, capsys) -> None:
    seen = started('print(f"    epoch 1/1 of {index}")\nprint("noise")', 3)

    assert sorted(config["task"]["index"] for config in seen) == [0, 1, 2]
    clusters = [config["cluster"]["worker"] for config in seen]
    assert len(set(clusters[0])) == 3 and clusters == [clusters[0]] * 3
    # The chief's lines about its progress, and nobody's noise.
    assert capsys.readouterr().out == "    epoch 1/1 of 0\n"


def test_what_the_chief_says_of_item_features_is_shown(started, capsys) -> None:
    line = "    item feature kind: 2 values of 3 of 5 items"
    started(f"print({line!r})", 2)
    assert capsys.readouterr().out == f"{line}\n"


def test_all_start_again_if_one_fails(started, capsys) -> None:
    seen = started(
        "if index == 1 and starts == 1: sys.exit(3)\nif starts == 1: time.sleep(60)\n", 2
    )
    assert sorted(config["task"]["index"] for config in seen) == [0, 0, 1, 1]
    assert seen[0]["cluster"] != seen[-1]["cluster"]  # ports may still be in use
    assert "worker 1 of 2 ended with status 3; all start again" in capsys.readouterr().out


def test_the_third_failure_is_the_runs(started) -> None:
    code = "if index == 1: print('no luck', file=sys.stderr); sys.exit(3)\ntime.sleep(60)\n"
    with pytest.raises(RuntimeError, match=r"^worker 1 of 2 ended with status 3:\nno luck$"):
        started(code, 2)


def test_the_windows_of_killed_workers_are_removed(
    started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code = """
        from modules.data.scratch import scratch_folder
        with scratch_folder() as folder:
            open(f"{folder}/windows", "w").close()
            others = os.environ["SEEN"] + f"-{starts}-"
            open(others + str(index), "w").close()
            while not all(os.path.exists(others + str(one)) for one in range(2)):
                time.sleep(.05)
            if index == 1: sys.exit(3)
            time.sleep(60)
    """
    with pytest.raises(RuntimeError, match="ended with status 3"):
        started(code, 2)
    assert not list(tmp_path.glob(f"{PREFIX}*"))


@pytest.fixture
def bound():
    """A process that ends with its standard input, and then does what it is asked."""

    def start(code: str) -> subprocess.Popen[bytes]:
        before = "import time; from modules.training import local_workers as workers"
        return subprocess.Popen(
            [sys.executable, "-c", f"{before}; workers.end_with_stdin(); {code}"],
            stdin=subprocess.PIPE,
            env={key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"},
        )

    return start


def test_a_worker_ends_with_its_standard_input(bound) -> None:
    with bound("time.sleep(600)") as process:
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=60) == 1


def test_a_worker_that_has_finished_ends_without_it(bound) -> None:
    with bound("time.sleep(.5)") as process:  # so that its thread is at work already
        assert process.wait(timeout=60) == 0
