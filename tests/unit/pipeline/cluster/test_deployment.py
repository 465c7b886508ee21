"""Deployment files."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.beam.preset_files import load_beam_preset
from pipeline.cluster import deployment
from pipeline.config import ConfigError
from pipeline.paths import PROJECT

HERE = PROJECT / "kubeflow"


@pytest.mark.parametrize("target", deployment.TARGETS)
def test_the_bundled_files_are_usable(target: str) -> None:
    loaded = deployment.load_deployment(HERE / f"{target}.yaml")
    assert loaded.target == target
    assert loaded.pipeline_root.startswith(deployment.ROOT_SCHEMES[target])
    assert load_beam_preset(loaded.beam).flags


def test_a_node_gets_its_own_resources_else_the_default(tmp_path: Path) -> None:
    file = tmp_path / "d.yaml"
    text = (HERE / "oss.yaml").read_text("utf-8").partition("resources:")[0]
    file.write_text(text + "resources:\n  default: {cpu: 2}\n  Trainer: {gpu: 1}\n", "utf-8")
    loaded = deployment.load_deployment(file)
    assert loaded.resources_of("Trainer").gpu == 1
    assert loaded.resources_of("Transform").cpu == 2.0
    file.write_text(text, "utf-8")
    assert deployment.load_deployment(file).resources_of("Trainer") == deployment.Resources()


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    file = tmp_path / "d.yaml"
    file.write_text(
        "target: aws\nimages: x\nparallelism: -1\npipeline_root: [3]\nstate_folder: gs://b/[1]\n"
        "resources:\n  Trainer: {cpu: 0, gpus: 1}\n",
        "utf-8",
    )
    with pytest.raises(ConfigError) as error:
        deployment.load_deployment(file)
    for words in (
        "d.yaml is not usable",
        "target must be one of oss, vertex, got 'aws'",
        "deployment.images is not a known key, got 'x': did you mean deployment.image?",
        "deployment.pipeline_root must be a string, got [3]",
        "resources.Trainer.gpus is not a known key, got 1: did you mean resources.Trainer.gpu?",
        "resources.Trainer.cpu must be above 0, got 0.0",
        "push_folder is not set",
        "parallelism must be 0 or more, got -1",
        "state_folder must have none of * ? [ \\ in it, got 'gs://b/[1]'",
    ):
        assert words in str(error.value)


@pytest.mark.parametrize(
    ("target", "workers", "message"),
    [
        ("oss", 1, "trainer_workers must be 2 or more, or 0 to train in the Trainer's own pod"),
        ("oss", -2, "trainer_workers must be 2 or more"),
        ("vertex", 2, "trainer_workers is 2, which needs Kubeflow's training operator"),
    ],
)
def test_workers_must_be_several_and_on_kubeflow(
    tmp_path: Path, target: str, workers: int, message: str
) -> None:
    file = tmp_path / "d.yaml"
    text = (HERE / f"{target}.yaml").read_text("utf-8")
    file.write_text(f"{text}trainer_workers: {workers}\n", "utf-8")
    with pytest.raises(ConfigError, match=message):
        deployment.load_deployment(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml"):
        deployment.load_deployment(tmp_path / "nowhere.yaml")
