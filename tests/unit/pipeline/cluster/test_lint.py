"""A good specification has no problem; a bad file gets a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from pipeline.cluster import lint
from pipeline.cluster.emulator import driver
from pipeline.cluster.emulator.object_store import BackendError
from tests.specifications import good_fields, problem_lines


def test_a_good_specification_has_no_problem() -> None:
    assert problem_lines(good_fields()) == []


def test_the_command_reports_every_file_and_fails_for_a_bad_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad, broken = tmp_path / "a.yaml", tmp_path / "b.json", tmp_path / "c.yaml"
    fields = good_fields()
    good.write_text(yaml.safe_dump_all([fields["spec"], fields["platform"]]), "utf-8")
    bad.write_text(json.dumps({"pipelineSpec": fields["spec"]}), "utf-8")
    broken.write_text("a: [", "utf-8")
    assert lint.check_files([good]) == 0
    assert lint.check_files([good, bad, broken]) == 1
    output = capsys.readouterr().out
    assert f"{good}: ok" in output and f"{bad}: not usable" in output
    assert "cannot be read" in output


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.yaml", "pipelineInfo: {name: a}\nroot: 3\n", "is not a valid PipelineSpec"),
        ("a.yaml", "pipelineInfo: a\ndeploymentSpec: []\n", "is not a valid PipelineSpec"),
        ("a.yaml", "- pipelineInfo\n", "must contain mappings"),
        ("a.yaml", "pipelineInfo\n", "must contain mappings"),
        ("a.json", "[1]", "must contain mappings"),
        ("a.json", '{"pipelineSpec": "a"}', "its pipelineSpec is 'a'"),
        (
            "a.json",
            '{"pipelineSpec": {"root": {"dag": {"tasks": 3}}}}',
            "is not a valid PipelineSpec",
        ),
    ],
)
def test_a_file_of_another_form_gets_a_sentence(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    file = tmp_path / name
    file.write_text(text, "utf-8")
    assert any(words in line for line in lint.report(file)), lint.report(file)
    with pytest.raises(BackendError, match=words):
        driver.load_spec(file)
