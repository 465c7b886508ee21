"""Which runners work in this process, on this machine, or elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

from pipeline.beam_runners import in_this_process, on_this_machine, runner_name
from pipeline.config import LOCAL_BEAM, ConfigError, load_config

PROJECT = Path(__file__).resolve().parents[3]
REMOTE = [
    ["--runner=FlinkRunner", "--flink_master=cluster:8081"],
    ["--runner=SparkRunner"],
    ["--runner=DataflowRunner"],
    ["--runner=apache_beam.runners.portability.portable_runner.PortableRunner"],
    ["--runner", "PortableRunner", "--environment_type=EXTERNAL"],
    ["--runner=PrismRunner", "--environment_type=EXTERNAL"],
    ["--runner=DirectRunner", "--runner=FlinkRunner"],
]
LOCAL = [LOCAL_BEAM, [], ["--runner=DirectRunner"], ["--runner", "directrunner"]]
PROCESSES = [
    [*LOCAL_BEAM, "--direct_running_mode=multi_processing", "--direct_num_workers=2"],
    [*LOCAL_BEAM, "--direct_running_mode", "multi_processing"],
]


@pytest.mark.parametrize("flags", [*REMOTE, *LOCAL, *PROCESSES], ids=str)
def test_runners(flags: list[str]) -> None:
    named = PipelineOptions(list(flags)).view_as(StandardOptions).runner or "DirectRunner"
    assert runner_name(flags).lower() == named.rpartition(".")[2].lower()
    assert on_this_machine(flags) == (flags not in REMOTE)
    assert in_this_process(flags) == (flags in LOCAL)


@pytest.mark.parametrize("name", ["direct", "flink", "spark", "dataflow"])
def test_the_bundled_presets(name: str) -> None:
    file = PROJECT / "kubeflow" / "beam" / f"{name}.yaml"
    assert on_this_machine(yaml.safe_load(file.read_text("utf-8"))) == (name == "direct")


def _file(tmp_path: Path, flags: list[str], more: str = "") -> str:
    for name in ("train.tsv", "test.tsv"):
        (tmp_path / name).write_text("")
    data = f"data: {{train: {tmp_path}/train.tsv, test: {tmp_path}/test.tsv}}"
    file = tmp_path / "mine.yaml"
    file.write_text(f"{data}\nbeam_pipeline_args: {list(flags)}\n{more}")
    return str(file)


@pytest.mark.parametrize("flags", [*REMOTE, *PROCESSES], ids=str)
def test_workers_elsewhere_get_user_code_by_its_dotted_path(tmp_path: Path, flags) -> None:
    assert load_config(_file(tmp_path, flags)).user_code == "module_path"
    assert load_config(_file(tmp_path, flags, "user_code: module_path")).user_code == "module_path"
    with pytest.raises(ConfigError, match=r"user_code is module_file, a file that .* of \w+Runner"):
        load_config(_file(tmp_path, flags, "user_code: module_file"))


@pytest.mark.parametrize("flags", LOCAL, ids=str)
def test_workers_in_this_process_get_the_file(tmp_path: Path, flags) -> None:
    assert load_config(_file(tmp_path, flags)).user_code == "module_file"
    assert load_config(_file(tmp_path, flags, "user_code: module_path")).user_code == "module_path"
