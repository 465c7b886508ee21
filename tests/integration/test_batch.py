"""A batch job answers every session of a file, as the model it asks does."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.cli.main import main
from serving import pushed_models
from tests import file_uris

SESSIONS = 60


@pytest.fixture(scope="module")
def sessions(sample: Any) -> dict[str, list[str]]:
    found = {f"s{n}": list(ids) for n, ids in enumerate(sample.sessions["test"][:SESSIONS])}
    return {**found, "one item": found["s0"][:1], "unknown": ["never seen"]}


@pytest.fixture(scope="module")
def log(sessions: dict[str, list[str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of the sessions, their rows in a mixed order, and one bad row among them."""
    rows = [
        (step, session, item) for session, ids in sessions.items() for step, item in enumerate(ids)
    ]
    lines = [
        f"{session}\t{item}\t{1_700_000_000_000 + step}" for step, session, item in sorted(rows)
    ]
    file = tmp_path_factory.mktemp("logs") / "log.tsv"
    bad = "s1\tx\tnever"
    file.write_text("\n".join(["SessionId\tItemId\tTime", bad, *lines]) + "\n", encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def expected(sessions: dict[str, list[str]], trained: Any) -> dict[str, list[str]]:
    model = pushed_models.load_model(trained.folder / "model")
    answers = pushed_models.recommend(model, list(sessions.values()), count=7)
    return {
        session: [item.item_id for item in answer]
        for session, answer in zip(sessions, answers, strict=True)
    }


def _run(log: Path, to: Path, trained: Any, *more: str) -> int:
    where = ["--sessions", str(log), "--to", str(to), "--model", str(trained.folder / "model")]
    return main(["batch", *where, "-k", "7", *more])


def test_writes_what_the_model_answers_as_tsv(
    log: Path, trained: Any, expected: dict[str, list[str]], tmp_path: Path, capsys: Any
) -> None:
    to = tmp_path / "answers"
    assert _run(log, to, trained, "--shards", "3", "--request-size", "16") == 0

    found: dict[str, list[str]] = {}
    shards = sorted(to.glob("*.tsv"))
    for shard in shards:
        for row in csv.DictReader(shard.open(encoding="utf-8"), delimiter="\t"):
            found.setdefault(row["SessionId"], []).append(row["ItemId"])
            assert int(row["Rank"]) == len(found[row["SessionId"]])
    assert found == expected
    assert len(shards) == 3
    assert all(re.fullmatch(r"recommendations-0000\d-of-00003\.tsv", s.name) for s in shards)

    summary = json.loads((to / "summary.json").read_text())
    assert summary["sessions"] == len(expected)
    assert summary["items"] == 7 * len(expected)
    assert summary["rows_rejected"] == 1
    assert summary["shards"] == 3
    assert summary["sessions_per_second"] > 0
    assert re.search(r"sessions per second +\d", capsys.readouterr().out)


def test_writes_what_a_model_at_a_uri_answers_as_parquet(
    log: Path, trained: Any, expected: dict[str, list[str]], tmp_path: Path
) -> None:
    places = {
        "--sessions": f"{log.parent}/**/log.tsv",
        "--to": tmp_path / "answers",
        "--model": trained.folder / "model",
    }
    named = [word for option, path in places.items() for word in (option, file_uris.uri(path))]
    assert main(["batch", *named, "-k", "7", "--format", "parquet"]) == 0
    summary = json.loads((tmp_path / "answers" / "summary.json").read_text())
    assert (summary["files"], summary["shards"]) == (1, 1)
    (file,) = (tmp_path / "answers").glob("*.parquet")
    table = pq.read_table(file).to_pydict()
    assert dict(zip(table["session_id"], table["item_ids"], strict=True)) == expected


def test_a_folder_with_something_in_it_stays_as_it_is(
    log: Path, trained: Any, tmp_path: Path, capsys: Any
) -> None:
    (tmp_path / "mine").write_text("precious")
    assert _run(log, tmp_path, trained) == 1
    assert "is not an empty folder: name another one" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]
    assert _run(log, tmp_path / "mine", trained) == 1
    assert (tmp_path / "mine").read_text() == "precious"


def test_a_damaged_model_answers_nothing(
    log: Path, trained: Any, tmp_path: Path, capsys: Any
) -> None:
    model = tmp_path / "model"
    shutil.copytree(trained.folder / "model", model)
    items = model / "assets" / "item_ids.txt"
    items.write_bytes(items.read_bytes()[::-1])
    where = ["--sessions", str(log), "--to", str(tmp_path / "answers"), "--model", str(model)]
    assert main(["batch", *where]) == 1
    assert "item_ids.txt has changed since it was written" in capsys.readouterr().err
    assert not (tmp_path / "answers").exists()


def test_a_file_without_the_columns_stops_the_job(
    trained: Any, tmp_path: Path, capsys: Any
) -> None:
    log = tmp_path / "log.tsv"
    log.write_text("a\tb\n1\t2\n")
    assert _run(log, tmp_path / "answers", trained) == 1
    assert "has no column 'SessionId'" in capsys.readouterr().err


def test_a_job_that_failed_leaves_no_answers_but_the_bad_rows(
    log: Path, trained: Any, tmp_path: Path, capsys: Any
) -> None:
    bad = tmp_path / "bad.tsv"
    bad.write_text(log.read_text() + "1\t2\tyesterday\n" * len(log.read_text().splitlines()))
    for _ in range(2):  # nothing is in the way of another try
        assert _run(bad, tmp_path / "answers", trained) == 1
        assert f"All bad rows are in {tmp_path}/answers.rejects.jsonl" in capsys.readouterr().err
    assert not (tmp_path / "answers").exists()
    allowed = ["--set", "sessions.max_reject_fraction=0.6"]
    assert _run(bad, tmp_path / "answers", trained, *allowed) == 0
    assert "yesterday" in (tmp_path / "answers.rejects.jsonl").read_text()


def test_a_run_whose_data_is_missing_still_says_how_rows_are_read(
    log: Path, trained: Any, tmp_path: Path, expected: dict[str, list[str]]
) -> None:
    shutil.copytree(trained.folder / "model", tmp_path / "out" / "pushed" / "1")
    saved = "data: {train: /gone/train.tsv}\nsessions: {item_column: sku}\n"
    (tmp_path / "out" / "config.yaml").write_text(saved)
    (tmp_path / "log.tsv").write_text(log.read_text().replace("ItemId", "sku"))
    to = tmp_path / "answers"
    where = ["--sessions", str(tmp_path / "log.tsv"), "--to", str(to), "-k", "7"]

    assert main(["batch", *where, "--out", str(tmp_path / "out")]) == 0

    assert json.loads((to / "summary.json").read_text())["sessions"] == len(expected)
