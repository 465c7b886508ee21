"""`refresh --sessions` on a trained model: new items are answered, and bad refreshes refused."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ml_metadata as mlmd
import pytest
from ml_metadata.proto import metadata_store_pb2

from modules.config.options.releases import KeepOptions
from modules.copies.model_variables import Variables
from modules.copies.restricted_model import read_restriction
from modules.files.learned_data import read_learned
from modules.files.model_folder import model_damage, write_manifest
from pipeline.cli.main import main
from pipeline.history.rows import read_history
from pipeline.refresh.from_clicks import KEPT
from pipeline.run.retention import remove_outdated
from pipeline.run.run_folders import CONFIG_FILE
from serving import pushed_models
from tests.request_logs import request, write_log

Sessions = Sequence[Sequence[str]]
MINUTE = 60_000
CONFIG = """
data: {train: train.tsv, test: test.tsv}
sessions: {sample_fraction: 0.5}
"""


@pytest.fixture
def out(trained: Any, tmp_path: Path) -> Path:
    """A run's folder with one pushed model and its metadata."""
    shutil.copytree(trained.folder / "model", tmp_path / "out" / "pushed" / "7")
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(tmp_path / "out" / "metadata.sqlite")
    config.sqlite.connection_mode = config.sqlite.READWRITE_OPENCREATE
    mlmd.MetadataStore(config)
    return tmp_path / "out"


def clicks(out: Path, sessions: Sessions, name: str = "clicks.tsv", start: int = 1) -> str:
    """Writes sessions that begin some minutes after the training's end, one after another."""
    learned = read_learned(str(out / "pushed" / "7"))
    assert learned
    rows, time_ms = ["SessionId\tItemId\tTime"], learned.last_event + start * MINUTE
    for number, items in enumerate(sessions):
        for item in items:
            rows.append(f"{name}-{number}\t{item}\t{time_ms / 1000:.3f}")
            time_ms += 1000
    file = out.parent / name
    file.write_text("\n".join([*rows, ""]), encoding="utf-8")
    return str(file)


def refresh(out: Path, *arguments: str) -> int:
    return main(["refresh", "--out", str(out), *arguments])


def versions(out: Path) -> list[str]:
    return sorted((path.name for path in (out / "pushed").glob("[0-9]*")), key=int)


def answers(folder: Path, *sessions: list[str]) -> list[list[str]]:
    model = pushed_models.load_model(folder)
    return [[item.item_id for item in row] for row in pushed_models.recommend(model, sessions, 20)]


def logged(out: Path, sessions: Sequence[tuple[str, ...]]) -> str:
    """Writes the requests of a session, a second apart after the training; returns the folder."""
    learned = read_learned(str(out / "pushed" / "7"))
    assert learned
    requests = [
        request("s", items=items, time=learned.last_event / 1000 + 60 + number)
        for number, items in enumerate(sessions)
    ]
    return str(write_log(out.parent / "log", requests))


def catalogue(sample: Any) -> list[str]:
    vocabulary = sample.vocabulary()
    return [item.decode() for item in vocabulary.item_ids[: vocabulary.catalogue_size]]


def test_new_items_are_answered_with_lineage_and_the_base_stays(
    out: Path, sample: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    known = catalogue(sample)
    first = known[0]
    others = [[item for item in items if item in known] for items in sample.sessions["test"]]
    file = clicks(out, [[first, "brand new"], *others, *others])
    assert refresh(out, "--sessions", file) == 0
    words = capsys.readouterr().out
    assert "1 new of" in words and "check    recall@20 of" in words

    newest = pushed_models.newest_model([out / "pushed"])
    assert newest.name != "7" and model_damage(str(newest)) is None
    before, after = (answers(out / "pushed" / name, [first]) for name in ("7", newest.name))
    assert "brand new" not in before[0] and "brand new" in after[0]
    record_of = read_restriction(str(newest)) or {}
    assert (record_of["new"], record_of["items"]) == (1, None)

    (row,) = read_history(out).rows
    assert (row["verdict"], row["base_version"]) == ("refreshed", "7")
    assert row["reasons"][0].endswith("1 of them new")
    assert f"from     {out / 'pushed' / '7'}" in words and "lineage  execution" in words

    assert main(["releases", "rollback", "--out", str(out), "--why", "test"]) == 0
    assert pushed_models.newest_model([out / "pushed"]).name == "7"
    assert refresh(out, "--sessions", file) == 0
    assert "was withdrawn" in capsys.readouterr().out
    assert versions(out) == ["7"]


def test_refreshes_begin_from_the_trained_model_and_few_stay(
    out: Path, sample: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, *_ = catalogue(sample)
    files = [
        clicks(out, [[first, f"new {number}", second]], f"{number}.tsv", 1 + 10 * number)
        for number in range(KEPT + 1)
    ]
    for number in range(KEPT + 1):
        given = [word for file in files[: number + 1] for word in ("--sessions", file)]
        assert refresh(out, *given) == 0
    assert "too few clicks to compare" in capsys.readouterr().out
    names = versions(out)
    assert len(names) == 1 + KEPT and names[0] == "7"
    newest = read_restriction(str(out / "pushed" / names[-1])) or {}
    assert (newest["new"], Path(newest["base"]).name) == (KEPT + 1, "7")
    # Whatever number of versions is kept, the base is.
    remove_outdated(out, KeepOptions(versions=2))
    assert versions(out) == names


def test_items_that_crowd_out_good_ones_are_refused(
    out: Path, sample: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each was clicked beside one of the best items, several times, and nobody clicks it later."""
    known = catalogue(sample)
    spam = [[item, f"spam {number} {item}"] for item in known[:10] for number in range(25)]
    others = [[item for item in items if item in known] for items in sample.sessions["test"]]
    file = clicks(out, [*(10 * spam), *(3 * others)])
    assert refresh(out, "--sessions", file) == 1, capsys.readouterr().out
    assert "Nothing was pushed" in capsys.readouterr().err
    assert versions(out) == ["7"] and not list((out / "pushed").glob(".*"))
    assert refresh(out, "--sessions", file, "--most-new", "0") == 0
    assert "0 new of" in capsys.readouterr().out


def test_the_request_log_of_the_server_is_a_source(out: Path, sample: Any) -> None:
    first, *_ = catalogue(sample)
    assert refresh(out, "--requests", logged(out, [(first,), (first, "seen")])) == 0
    newest = pushed_models.newest_model([out / "pushed"])
    assert "seen" in answers(newest, [first])[0]


def test_a_list_of_offered_items_holds_for_new_ones(
    out: Path, sample: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    known = catalogue(sample)
    file = clicks(out, [[known[0], "listed"], [known[0], "unlisted"]])
    offer = out.parent / "offer.txt"
    offer.write_text("\n".join([*known[5:], "listed"]))
    assert refresh(out, "--items", str(offer)) == 0
    assert refresh(out, "--sessions", file) == 0  # the list that the stable version follows
    newest = pushed_models.newest_model([out / "pushed"])
    found = answers(newest, [known[0]], [], ["stranger", known[7]])
    assert "listed" in found[0]
    assert not {"unlisted", "stranger", *known[:5]} & {item for row in found for item in row}
    offer.write_text("\n".join([*known, "unlisted"]))
    assert refresh(out, "--sessions", file) == 0
    (found_now,) = answers(pushed_models.newest_model([out / "pushed"]), [known[0]])
    assert "unlisted" in found_now and "listed" not in found_now
    offer.unlink()
    capsys.readouterr()
    assert refresh(out, "--sessions", file) == 1, capsys.readouterr().out
    assert "offer.txt" in capsys.readouterr().err


def test_without_clicks_or_while_pushing_is_paused_nothing_is_pushed(
    out: Path, sample: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    file = clicks(out, [["a"]], start=0)
    assert refresh(out, "--sessions", file) == 0
    assert "No click since" in capsys.readouterr().out
    assert refresh(out, "--sessions", file, "--since", "1970-01-01") == 0
    assert "0 new of" in capsys.readouterr().out
    assert main(["releases", "pause", "--out", str(out), "--why", "sale"]) == 0
    assert refresh(out, "--sessions", clicks(out, [["a", "b"]])) == 0
    assert "pushing was paused" in capsys.readouterr().out
    assert len(versions(out)) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give --sessions or --requests, for new items, or a list by --items"),
        (["--items", "x", "--every", "10m"], "--since and --every need"),
        (["--sessions", "x", "--every", "0m"], "a duration such as 30s, 10m or 1h"),
        (["--sessions", "x", "--since", "soon"], "a time such as 2015-09-11T12:00:00Z"),
        (["--sessions", "x", "--most-new", "-1"], "a number from 0 to 100"),
        (["--requests", "x", "--requests-share", "0"], "a number above 0, at most 1"),
        (["--sessions", "x", "--requests-share", "0.5"], "--requests-share needs --requests"),
    ],
)
def test_unusable_options_are_named(
    out: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refresh(out, *words) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_a_missing_log_or_one_with_other_columns_pushes_nothing(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (out.parent / "other.tsv").write_text("visit\tsku\n1\t2\n")
    for file in ("missing.tsv", "other.tsv"):
        assert refresh(out, "--sessions", str(out.parent / file)) == 1
        assert file in capsys.readouterr().err
    assert versions(out) == ["7"]


def test_a_trial_or_a_newer_training_is_not_covered(
    out: Path, sample: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, *_ = catalogue(sample)
    file = clicks(out, [[first, "one", second]])
    assert refresh(out, "--sessions", file) == 0
    refreshed = versions(out)[-1]
    newer = shutil.copytree(out / "pushed" / "7", out / "pushed" / "8")
    write_manifest(str(newer), "another training")
    # It lies below the refreshed version, as if it had been pushed during the refresh.
    assert refresh(out, "--sessions", file) == 0
    newest = pushed_models.newest_model([out / "pushed"])
    assert int(newest.name) > int(refreshed)
    assert Path(str((read_restriction(str(newest)) or {})["base"])).name == "8"

    trial = str(int(newest.name) + 1)
    shutil.copytree(newer, out / "pushed" / trial)
    assert main(["releases", "try", trial, "--out", str(out)]) == 0
    capsys.readouterr()
    assert refresh(out, "--sessions", clicks(out, [[first, "two"]], "2.tsv")) == 0
    assert "is on trial" in capsys.readouterr().out
    assert pushed_models.newest_model([out / "pushed"]) == newest


def test_dates_without_times_are_refreshed_without_a_comparison(
    out: Path, sample: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    known = catalogue(sample)
    rows = [f"s{number}\t{item}\t2015-09-11" for number in range(60) for item in known[:3]]
    file = out.parent / "dates.tsv"
    file.write_text("\n".join(["SessionId\tItemId\tTime", *rows, "s0\tnew\t2015-09-11", ""]))
    assert refresh(out, "--sessions", str(file)) == 0
    assert "too few clicks to compare" in capsys.readouterr().out


def test_repeated_requests_are_one_click(out: Path, sample: Any) -> None:
    first, *_ = catalogue(sample)
    assert (
        refresh(
            out, "--requests", logged(out, [(first,), (first,), (first,), ("seen",), ("seen",)])
        )
        == 0
    )
    record = read_restriction(str(pushed_models.newest_model([out / "pushed"]))) or {}
    assert (record["clicks"], record["new"]) == (2, 1)


def test_it_refreshes_again_and_again_until_it_is_stopped(out: Path, sample: Any) -> None:
    first, second, *_ = catalogue(sample)
    file = clicks(out, [[first, "one", second]])
    command = [sys.executable, "-m", "pipeline.cli", "refresh", "--out", str(out)]
    command += ["--sessions", file, "--every", "1s"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        lines = iter(process.stdout)
        assert any("1 new of" in line for line in lines)
        assert any("No click has come since the last refresh" in line for line in lines)
        clicks(out, [[first, "one", second, "two"]])
        assert any("2 new of" in line for line in lines)
        process.send_signal(signal.SIGTERM)
        assert "Stopped." in process.stdout.read()
        assert process.wait(timeout=60) == 0
    assert len(read_history(out).rows) == 1  # the first of each day


def test_bad_rows_are_named_and_files_without_rows_have_no_clicks(
    out: Path, sample: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, *_ = catalogue(sample)
    pattern = str(out.parent / "log-*.tsv")
    (out.parent / "log-2.tsv").write_text("SessionId\tItemId\tTime\n")
    assert refresh(out, "--sessions", pattern) == 0
    assert "No click since" in capsys.readouterr().out
    with open(clicks(out, [[first, "new", second]], "log-1.tsv"), "a", encoding="utf-8") as file:
        file.write("s\ta\t2099-01-01\n\tb\t2015-09-11\n")
    assert refresh(out, "--sessions", pattern) == 0
    words = "2 bad rows: 1 "
    assert f"rejected {words}" in capsys.readouterr().out
    assert refresh(out, "--sessions", pattern) == 0
    said = capsys.readouterr().out
    assert f"No click has come since the last refresh ({words}" in said and "1 future" in said


def test_clicks_count_as_much_as_the_sessions_of_training(out: Path, sample: Any) -> None:
    first, second, *_ = catalogue(sample)
    times = [(first, second)] * 40
    (out / CONFIG_FILE).write_text(CONFIG)
    folder = logged(out, [(item,) for pair in times for item in pair])

    def count() -> int:
        newest = pushed_models.newest_model([out / "pushed"])
        variables = Variables(str(newest))
        place = variables.ids.tolist().index(first.encode())
        return int(variables["_items/_counts"][place])

    before = count()
    assert refresh(out, "--requests", folder) == 0
    assert count() == before + 20
    assert refresh(out, "--requests", folder, "--requests-share", "0.25") == 0
    assert count() == before + 80
