"""A worker with other versions, or without the files, is found before it does harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.beam.worker_answer import Answer, WorkerError, versions_here


def test_the_same_versions_and_files_are_fit(tmp_path: Path) -> None:
    (tmp_path / "marker").write_text("abc")
    answer = Answer(versions_here(), str(tmp_path / "marker"), "abc")
    answer.setup()
    assert list(answer.process(3)) == [3]
    Answer(versions_here(), "", "").setup()


def test_what_is_different_is_named_with_the_worker() -> None:
    wanted = {**versions_here(), "Python": "3.9", "tfx": "1.0", "unheard-of": "1"}
    with pytest.raises(WorkerError) as error:
        Answer(wanted, "", "").setup()
    here = versions_here()
    assert (
        f"has Python {here['Python']} instead of 3.9, tfx {here['tfx']} instead of 1.0, "
        "unheard-of None instead of 1: start it from the same image"
    ) in str(error.value)


@pytest.mark.parametrize("content", [None, "of another run"])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, content: str | None) -> None:
    marker = tmp_path / "marker"
    if content:
        marker.write_text(content)
    with pytest.raises(WorkerError, match=f"does not see {marker} of the machine that starts"):
        Answer(versions_here(), str(marker), "abc").setup()


def test_the_projects_code_is_among_the_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    before = versions_here()
    assert len(before["this project's code"]) == 12
    monkeypatch.setattr("pipeline.beam.worker_answer.source_digest", lambda *_: "0" * 64)
    assert versions_here() == {**before, "this project's code": "0" * 12}
