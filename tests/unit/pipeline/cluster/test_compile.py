"""Configurations that cannot be compiled; what can be is in the integration tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli.main import main
from pipeline.paths import PROJECT

HERE = PROJECT / "kubeflow"


def _compile(tmp_path: Path, text: str, *arguments: str) -> int:
    deployment = tmp_path / "deployment.yaml"
    deployment.write_text(text, "utf-8")
    output = tmp_path / "pipeline.yaml"
    status = main(["compile", "--deployment", str(deployment), "--output", str(output), *arguments])
    assert not output.exists()
    return status


def test_bad_configuration_ends_before_tfx_is_called(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (HERE / "oss.yaml").read_text("utf-8")
    assert _compile(tmp_path, text.replace("target: oss", "target: aws")) == 2
    assert _compile(tmp_path, text, "--set", "trainer.epoch=3") == 2
    own = tmp_path / "own.yaml"
    own.write_text("name: own\ndata: {train: /data/train.tsv, test: test.tsv}\n", "utf-8")
    assert _compile(tmp_path, text, "--preset", str(own)) == 2
    infra = "serving.infra_validator=docker"
    assert _compile(tmp_path, text, "--set", infra) == 2
    errors = capsys.readouterr().err
    assert "serving.infra_validator must be none on a cluster, got 'docker'" in errors
    assert "target must be one of oss, vertex" in errors
    assert "did you mean trainer.max_epochs?" in errors
    assert "data.train must be relative to the data folder" in errors
