"""Deployment files, Beam presets and the platform document."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cluster import deployment
from pipeline.config import ConfigError
from pipeline.paths import PROJECT

HERE = PROJECT / "kubeflow"


@pytest.mark.parametrize("target", deployment.TARGETS)
def test_the_bundled_files_are_usable(target: str) -> None:
    loaded = deployment.load_deployment(HERE / f"{target}.yaml")
    assert loaded.target == target
    assert loaded.pipeline_root.startswith(deployment.ROOT_SCHEMES[target])
    assert deployment.load_beam_arguments(loaded.beam)


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
        "target: aws\nimages: x\npipeline_root: [3]\nstate_folder: gs://b/[1]\n"
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
        "state_folder must have none of * ? [ \\ in it, got 'gs://b/[1]'",
    ):
        assert words in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml"):
        deployment.load_deployment(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("preset", sorted(file.stem for file in (HERE / "beam").glob("*.yaml")))
def test_beam_presets_parse_as_beam_flags(preset: str) -> None:
    from apache_beam.options.pipeline_options import PipelineOptions

    flags = deployment.load_beam_arguments(preset)
    assert flags[0].startswith("--runner=")
    kept = PipelineOptions(list(flags)).get_all_options(drop_default=True)
    names = {flag[2:].partition("=")[0] for flag in flags}
    assert names <= set(kept) | {"experiments"}, names - set(kept)


def test_an_unknown_beam_preset_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there are dataflow, direct, flink, spark"):
        deployment.load_beam_arguments("ray")
    own = tmp_path / "own.yaml"
    own.write_text("runner: x\n", "utf-8")
    with pytest.raises(ConfigError, match="must contain a list of flags"):
        deployment.load_beam_arguments(str(own))
