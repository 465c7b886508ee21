"""Beam presets: flags that Beam knows, and options of the section `beam`."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.beam.options import BeamOptions
from pipeline.beam.preset_files import beam_preset_names, load_beam_preset
from pipeline.config import ConfigError, load_config
from pipeline.data_files import DataPaths


@pytest.mark.parametrize("name", beam_preset_names())
def test_the_flags_of_bundled_presets_are_beams(name: str) -> None:
    from apache_beam.options.pipeline_options import PipelineOptions

    flags = load_beam_preset(name).flags
    assert flags[0].startswith("--runner=")
    kept = PipelineOptions(list(flags)).get_all_options(drop_default=True)
    names = {flag[2:].partition("=")[0] for flag in flags}
    # The runner's own, which Beam's client learns from the job server.
    assert names <= set(kept) | {"experiments", "number_of_execution_retries"}, names - set(kept)


@pytest.mark.parametrize("name", ["flink", "spark", "prism"])
def test_a_job_may_take_longer_than_beams_client_waits_unless_told(name: str) -> None:
    """300 s after its start, without the flag, the client loses the state of a job that runs."""
    (limit,) = [flag for flag in load_beam_preset(name).flags if "job_server_timeout" in flag]
    assert int(limit.partition("=")[2]) >= 86_400


@pytest.mark.parametrize("name", beam_preset_names())
def test_a_configuration_takes_a_preset_and_what_is_set_after_it(name: str, tmp_path: Path) -> None:
    for file in ("train.tsv", "test.tsv"):
        (tmp_path / file).write_text("")
    preset = load_beam_preset(name)
    data = DataPaths(train=str(tmp_path / "train.tsv"), test=str(tmp_path / "test.tsv"))
    config = load_config("custom", preset.overrides(), data)
    assert config.beam_pipeline_args == preset.flags
    assert config.beam == preset.options
    assert config.user_code == ("module_file" if name == "direct" else "module_path")

    config = load_config("custom", [*preset.overrides(), "beam.start_minutes=1.5"], data)
    assert config.beam.start_minutes == 1.5


def test_a_list_of_flags_alone_is_a_preset(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("- --runner=FlinkRunner\n- --parallelism=2\n", "utf-8")
    preset = load_beam_preset(str(own))
    assert preset.flags == ("--runner=FlinkRunner", "--parallelism=2")
    assert preset.options == BeamOptions()


def test_an_unknown_preset_names_those_there_are() -> None:
    with pytest.raises(
        ConfigError, match="there are dataflow, direct, flink, local-parallel, prism, spark"
    ):
        load_beam_preset("ray")


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("flags: x\nstart_minute: 3\nlocal_pool: 0\nshared_files: maybe\n", "utf-8")
    with pytest.raises(ConfigError) as error:
        load_beam_preset(str(own))
    for words in (
        "own.yaml is not usable",
        "must contain a list of flags, got 'x'",
        "start_minute is not a known key, got 3: did you mean start_minutes?",
        "beam.local_pool must be true or false",
        "beam.shared_files must be true or false or null",
    ):
        assert words in str(error.value)
