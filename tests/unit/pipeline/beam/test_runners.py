"""Which runners work in this process, on this machine, or elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

from pipeline.beam.preset_files import beam_preset_names, load_beam_preset
from pipeline.beam.runners import in_this_process, on_this_machine, runner_name, starts_prism
from pipeline.config import LOCAL_BEAM, ConfigError, load_config

REMOTE = [
    ["--runner=FlinkRunner", "--flink_master=cluster:8081"],
    ["--runner=SparkRunner"],
    ["--runner=DataflowRunner"],
    ["--runner=apache_beam.runners.portability.portable_runner.PortableRunner"],
    ["--runner", "PortableRunner", "--environment_type=EXTERNAL"],
    ["--runner=PrismRunner", "--environment_type=EXTERNAL"],
    ["--runner=DirectRunner", "--runner=FlinkRunner"],
    ["--runner=PrismRunner", "--environment_type=DOCKER"],
    ["--runner=PrismRunner", "--job_endpoint=elsewhere:8073"],
]
# On this machine, but in other processes than the one that starts the job.
NEAR = [
    ["--runner=PrismRunner"],
    ["--runner=PrismRunner", "--environment_type=LOOPBACK"],
    ["--runner=PortableRunner", "--job_endpoint=a:1", "--environment_type=LOOPBACK"],
]
LOCAL = [LOCAL_BEAM, [], ["--runner=DirectRunner"], ["--runner", "directrunner"]]
PROCESSES = [
    [*LOCAL_BEAM, "--direct_running_mode=multi_processing", "--direct_num_workers=2"],
    [*LOCAL_BEAM, "--direct_running_mode", "multi_processing"],
]


@pytest.mark.parametrize("flags", [*REMOTE, *NEAR, *LOCAL, *PROCESSES], ids=str)
def test_runners(flags: list[str]) -> None:
    named = PipelineOptions(list(flags)).view_as(StandardOptions).runner or "DirectRunner"
    assert runner_name(flags).lower() == named.rpartition(".")[2].lower()
    assert on_this_machine(flags) == (flags not in REMOTE)
    assert in_this_process(flags) == (flags in LOCAL)


@pytest.mark.parametrize("name", beam_preset_names())
def test_the_bundled_presets(name: str) -> None:
    flags = load_beam_preset(name).flags
    assert on_this_machine(flags) == (name in ("direct", "local-parallel", "prism"))
    assert in_this_process(flags) == (name == "direct")
    assert starts_prism(flags) == (name == "prism")


def _file(tmp_path: Path, flags: list[str], more: str = "") -> str:
    for name in ("train.tsv", "test.tsv"):
        (tmp_path / name).write_text("")
    data = f"data: {{train: {tmp_path}/train.tsv, test: {tmp_path}/test.tsv}}"
    file = tmp_path / "mine.yaml"
    file.write_text(f"{data}\nbeam_pipeline_args: {list(flags)}\n{more}")
    return str(file)


@pytest.mark.parametrize("flags", [*REMOTE, *NEAR, *PROCESSES], ids=str)
def test_workers_elsewhere_get_user_code_by_its_dotted_path(tmp_path: Path, flags) -> None:
    assert load_config(_file(tmp_path, flags)).user_code == "module_path"
    assert load_config(_file(tmp_path, flags, "user_code: module_path")).user_code == "module_path"
    with pytest.raises(ConfigError, match=r"user_code is module_file, a file that .* of \w+Runner"):
        load_config(_file(tmp_path, flags, "user_code: module_file"))


@pytest.mark.parametrize("flags", LOCAL, ids=str)
def test_workers_in_this_process_get_the_file(tmp_path: Path, flags) -> None:
    assert load_config(_file(tmp_path, flags)).user_code == "module_file"
    assert load_config(_file(tmp_path, flags, "user_code: module_path")).user_code == "module_path"
