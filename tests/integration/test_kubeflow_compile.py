"""What is compiled for both targets: as checked in, free of problems, and better than raw TFX."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.input_resolution.strategies.latest_artifact_strategy import LatestArtifactStrategy
from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import (
    KubeflowV2DagRunner,
    KubeflowV2DagRunnerConfig,
)
from tfx.types import Channel
from tfx.types.standard_artifacts import ExampleStatistics

from modules.cluster_jobs import WORKER_JOB
from pipeline.beam.options import BeamOptions
from pipeline.beam.preset_files import load_beam_preset
from pipeline.config import load_config
from pipeline.paths import Paths
from pipeline.pipeline import create_pipeline
from pipeline.previous_run import of_local_runs

PROJECT = Path(__file__).resolve().parents[2]
sys.path.append(str(PROJECT / "kubeflow"))

import update_golden  # noqa: E402

from pipeline.cli.main import main  # noqa: E402
from pipeline.cluster import lint, worker_job  # noqa: E402
from pipeline.cluster.compile import SUFFIXES  # noqa: E402
from pipeline.cluster.deployment import TARGETS, load_deployment  # noqa: E402
from pipeline.cluster.executor_input import OUTPUTS  # noqa: E402
from pipeline.cluster.lint_view import SpecView, read_view  # noqa: E402
from pipeline.cluster.runtime_parameters import FLAG, apply_all, decode  # noqa: E402

HERE = PROJECT / "kubeflow"
VOLUME = "/mnt/session-retrieval"


@pytest.fixture(scope="module")
def compiled() -> dict[str, str]:
    return {target: update_golden.compile_example(target) for target in TARGETS}


@pytest.mark.parametrize("target", TARGETS)
def test_the_checked_in_example_is_what_is_compiled_now(
    compiled: dict[str, str], target: str
) -> None:
    checked_in = update_golden.FILES[target].read_text("utf-8")
    assert compiled[target] == checked_in, (
        "if this is meant: python kubeflow/update_golden.py --update"
    )


@pytest.mark.parametrize("target", TARGETS)
def test_the_example_breaks_no_rule_and_names_no_path_of_this_machine(target: str) -> None:
    file = update_golden.FILES[target]
    assert lint.report(file) == []
    text = file.read_text("utf-8")
    assert "&id" not in text, "YAML anchors, which not every reader of the file knows"
    assert str(PROJECT) not in text and str(Path.home()) not in text.replace("/root/", "")


def _view(compiled: dict[str, str], target: str = "oss") -> SpecView:
    text = compiled[target]
    if target == "vertex":
        job = json.loads(text)
        return SpecView(job["pipelineSpec"], target, job=job)
    spec, platform = yaml.safe_load_all(text)
    return SpecView(spec, target, platform, documents=2)


def test_both_targets_run_the_same_nodes_with_the_same_values(compiled: dict[str, str]) -> None:
    oss, vertex = (_view(compiled, target) for target in TARGETS)
    assert [task.name for task in oss.tasks()] == [task.name for task in vertex.tasks()]
    moved = {"folder", "push_folder", "push_destination", "custom_config", "input_base", "config"}
    for one, other in zip(oss.tasks(), vertex.tasks(), strict=True):
        mine, theirs = dict(one.constants()), dict(other.constants())
        assert {k for k in mine if mine[k] != theirs[k]} <= moved, one.name
        assert one.arguments() == other.arguments(), one.name


def test_every_container_requests_its_resources_example_gen_too(compiled: dict[str, str]) -> None:
    deployment = load_deployment(HERE / "oss.yaml")
    for task in _view(compiled).tasks():
        wanted = deployment.resources_of(task.name)
        assert task.container["resources"]["cpuLimit"] == wanted.cpu, task.name
        assert task.container["resources"]["memoryLimit"] == wanted.memory_gb, task.name


@pytest.mark.parametrize("target", TARGETS)
def test_every_container_knows_the_outputs_of_its_component(
    compiled: dict[str, str], target: str
) -> None:
    named = {
        task.name: json.loads(task.arguments()[OUTPUTS]) for task in _view(compiled, target).tasks()
    }
    assert named["StatisticsKeeper"] == []
    assert named["Trainer"] == ["model", "model_run"]
    for task in _view(compiled, target).tasks():
        assert named[task.name] == sorted(task.definitions("output", "artifacts")), task.name


def test_runtime_parameters_keep_their_defaults(compiled: dict[str, str]) -> None:
    config, deployment = load_config("sample"), load_deployment(HERE / "oss.yaml")
    defaults = {
        name: definition["defaultValue"]
        for name, definition in _view(compiled).parameters().items()
    }
    assert defaults == {
        "data_folder": deployment.data_folder,
        "span": -1,
        "date": "",
        "max_epochs": config.trainer.max_epochs,
        "thresholds": json.dumps(dict(config.gate.thresholds)),
        "change_thresholds": json.dumps(dict(config.gate.change_thresholds), sort_keys=True),
        "push_folder": deployment.push_folder,
        "state_folder": deployment.state_folder,
    }


def test_nodes_that_look_outside_are_not_cached_and_the_others_are(
    compiled: dict[str, str],
) -> None:
    uncached = {
        task.name
        for task in _view(compiled).tasks()
        if not (task.task.get("cachingOptions") or {}).get("enableCache")
    }
    assert uncached == {
        "SessionExampleGen",
        "LatestBlessedModel",
        "AcceptedStatistics",
        "StatisticsKeeper",
        "Pusher",
    }


def test_the_gate_comes_before_what_learns_and_before_what_is_kept(
    compiled: dict[str, str],
) -> None:
    tasks = _view(compiled).root_dag()
    for name in ("Transform", "StatisticsKeeper"):
        assert "DataGate" in tasks[name]["dependentTasks"]


def _compile(tmp_path: Path, text: str, *arguments: str) -> tuple[int, Path]:
    deployment = tmp_path / "deployment.yaml"
    deployment.write_text(text, "utf-8")
    output = tmp_path / "pipeline.yaml"
    status = main(["compile", "--deployment", str(deployment), "--output", str(output), *arguments])
    return status, output


@pytest.mark.parametrize("target", TARGETS)
def test_an_approximate_index_is_built_checked_and_pushed_beside_the_models(
    tmp_path: Path, target: str
) -> None:
    output = tmp_path / ("pipeline.json" if target == "vertex" else "pipeline.yaml")
    arguments = ["--target", target, "--output", str(output), "--set", "index.kind=pq"]

    assert main(["compile", *arguments]) == 0

    assert lint.report(output) == []
    tasks = {task.name: task for task in read_view(output).tasks()}
    models = tasks["IndexPusher"].inputs("artifacts")
    assert set(models) == {"model", "model_blessing", "infra_blessing"}
    dag = read_view(output).root_dag()["IndexPusher"]["inputs"]["artifacts"]
    producers = {name: dag[name]["taskOutputArtifact"]["producerTask"] for name in sorted(models)}
    assert producers == {
        "infra_blessing": "IndexBuilder",
        "model": "IndexBuilder",
        "model_blessing": "ModelGate",
    }
    constants = dict(tasks["IndexPusher"].constants())
    folder = json.loads(constants["push_destination"])["filesystem"]["base_directory"]
    assert folder == load_deployment(HERE / f"{target}.yaml").push_folder + "_index"
    bindings = " ".join(map(str, tasks["IndexPusher"].arguments().values()))
    assert '"form": "{}_index"' in bindings


@pytest.mark.parametrize("target", TARGETS)
def test_trainer_starts_from_a_model_in_the_push_folder_of_the_run(
    tmp_path: Path, target: str
) -> None:
    output = tmp_path / f"pipeline{SUFFIXES[target]}"
    arguments = ["--target", target, "--output", str(output), "--set", "trainer.warm_start=true"]

    assert main(["compile", *arguments]) == 0

    assert lint.report(output) == []
    tasks = {task.name: task for task in read_view(output).tasks()}
    (found,) = tasks["Trainer"].task["inputs"]["artifacts"]["base_model"].values()
    assert found["producerTask"] == "BaseModel"
    taken = tasks["BaseModel"].inputs("parameters")["push_folder"]
    assert taken == {"componentInputParameter": "push_folder"}


@pytest.mark.parametrize("target", TARGETS)
def test_a_runs_values_reach_both_nodes_that_fit_models(tmp_path: Path, target: str) -> None:
    output = tmp_path / f"pipeline{SUFFIXES[target]}"
    arguments = ["--target", target, "--output", str(output), "--set", "tuner.enabled=true"]

    assert main(["compile", *arguments]) == 0

    tasks = {task.name: task for task in read_view(output).tasks()}
    for name in ("Tuner", "Trainer"):
        given = {"max_epochs": 1.0, "state_folder": "gs://bucket/other"}
        taken = tasks[name].inputs("parameters")
        assert all(taken[key] == {"componentInputParameter": key} for key in given), name
        bindings = decode(tasks[name].arguments()[FLAG])
        properties = apply_all(bindings, {**dict(tasks[name].constants()), **given})
        config = json.loads(properties["custom_config"])
        assert config["trainer"]["max_epochs"] == 1, name
        assert config["checkpoint_folder"] == "gs://bucket/other/checkpoints", name
    (found,) = tasks["Trainer"].task["inputs"]["artifacts"]["hyperparameters"].values()
    assert found["producerTask"] == "Tuner"


def test_a_gpu_and_its_node_come_from_the_two_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "platform.yaml").write_text(
        "all:\n  pvcMount: [{constant: c, mountPath: /mnt/session-retrieval}]\n"
        "nodes:\n  Trainer:\n    nodeSelector: {labels: {gpu: a}}\n"
        "    tolerations: [{key: nvidia.com/gpu, operator: Exists}]\n",
        "utf-8",
    )
    text = (HERE / "oss.yaml").read_text("utf-8").partition("resources:")[0]
    status, output = _compile(
        tmp_path, text + "resources:\n  SessionExampleGen: {gpu: 1}\n  Trainer: {gpu: 2}\n"
    )
    assert status == 0
    next_steps = capsys.readouterr().out.partition("\nNext, as explained in ")[2].splitlines()
    assert next_steps == [
        "kubeflow/README.md:",
        "  push the image registry.example.com/session-retrieval:0.1.0 to where the cluster pulls "
        "it from",
        "  put the click logs into /mnt/session-retrieval/data",
        "  kubectl port-forward -n kubeflow svc/ml-pipeline-ui 8080:80 &",
        f"  session-retrieval submit run {output} --host http://localhost:8080",
    ]
    view = read_view(output)
    tasks = {task.name: task for task in view.tasks()}
    assert tasks["Trainer"].container["resources"]["accelerator"] == {
        "type": "nvidia.com/gpu",
        "count": "2",
    }
    assert "accelerator" in tasks["SessionExampleGen"].container["resources"]
    assert view.platform_of(tasks["Trainer"])["nodeSelector"] == {"labels": {"gpu": "a"}}
    assert "tolerations" not in view.platform_of(tasks["Pusher"])


def test_several_workers_of_the_trainer_are_a_tfjob(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "platform.yaml").write_text((HERE / "platform.yaml").read_text("utf-8"), "utf-8")
    text = (HERE / "oss.yaml").read_text("utf-8") + "trainer_workers: 3\n"
    status, output = _compile(tmp_path, text)
    assert status == 1  # a pod's copies of minio:// are its own
    assert "Trainer: its workers on other machines cannot see" in "".join(capsys.readouterr())

    status, output = _compile(tmp_path, text.replace("minio://", "gs://"))
    assert status == 0
    trainer, gen = (
        next(task for task in read_view(output).tasks() if task.name == name)
        for name in ("Trainer", "SessionExampleGen")
    )
    bindings = decode(trainer.arguments()[FLAG])
    given = {"max_epochs": 1.0, "state_folder": "/mnt/session-retrieval/other"}
    properties = apply_all(bindings, {**dict(trainer.constants()), **given})
    config = json.loads(properties["custom_config"])
    job = config[WORKER_JOB]
    deployment = load_deployment(HERE / "oss.yaml")
    mounts = {"pvcMount": [{"constant": "session-retrieval", "mountPath": VOLUME}]}
    with_workers = dataclasses.replace(deployment, trainer_workers=3)
    assert job == worker_job.manifest(with_workers, mounts)
    assert config["checkpoint_folder"] == "/mnt/session-retrieval/other/checkpoints"
    # The node itself only waits; its workers have its resources.
    wanted = deployment.resources_of("default")
    assert trainer.container["resources"]["cpuLimit"] == wanted.cpu
    assert gen.container["resources"]["cpuLimit"] == deployment.resources_of(gen.name).cpu


def test_resources_of_no_node_are_refused_those_of_one_that_is_off_are_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "platform.yaml").write_text((HERE / "platform.yaml").read_text("utf-8"), "utf-8")
    text = (HERE / "oss.yaml").read_text("utf-8").replace("  Trainer:", "  Tuner:")
    assert _compile(tmp_path, text)[0] == 0
    assert _compile(tmp_path, text.replace("  Tuner:", "  Trainr:"))[0] == 2
    assert "resources.Trainr is not a node of the pipeline: there are" in capsys.readouterr().err


def test_a_folder_without_a_mount_is_found_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "platform.yaml").write_text("all: {}\n", "utf-8")
    status, _ = _compile(tmp_path, (HERE / "oss.yaml").read_text("utf-8"))
    assert status == 1
    assert "Pusher: push_folder is /mnt/session-retrieval/pushed, and no volume" in (
        capsys.readouterr().out
    )


def test_remote_beam_needs_a_bucket_that_workers_can_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (HERE / "oss.yaml").read_text("utf-8").replace("beam: direct", "beam: flink")
    (tmp_path / "platform.yaml").write_text((HERE / "platform.yaml").read_text("utf-8"), "utf-8")
    status, _ = _compile(tmp_path, text)
    assert status == 1
    assert "Beam's workers of PortableRunner cannot see" in capsys.readouterr().out


def test_nodes_with_beam_jobs_know_what_their_runner_needs(tmp_path: Path) -> None:
    text = (HERE / "oss.yaml").read_text("utf-8").replace("beam: direct", "beam: flink")
    text = text.replace("minio://", "gs://")
    (tmp_path / "platform.yaml").write_text((HERE / "platform.yaml").read_text("utf-8"), "utf-8")
    status, file = _compile(tmp_path, text)
    assert status == 0
    spec = next(yaml.safe_load_all(file.read_text("utf-8")))
    found = {
        label.removesuffix("_executor"): args[args.index("--beam_options") + 1]
        for label, executor in spec["deploymentSpec"]["executors"].items()
        if "--beam_options" in (args := executor.get("container", {}).get("args", []))
    }
    assert {"SessionExampleGen", "StatisticsGen", "Transform", "Evaluator"} <= set(found)
    assert "Trainer" not in found
    (options,) = set(found.values())
    assert BeamOptions(**json.loads(options)) == load_beam_preset("flink").options


def _raw(schema_2_1: bool) -> dict[str, Any]:
    """Returns what TFX alone makes of the pipeline, its custom Resolver strategy replaced."""
    statistics = Resolver(
        strategy_class=LatestArtifactStrategy, statistics=Channel(type=ExampleStatistics)
    ).with_id("Accepted_Statistics")
    earlier = of_local_runs("/home/me/out/pushed")
    config, paths = load_config("sample"), Paths.under("/home/me/out")
    earlier = dataclasses.replace(earlier, accepted_statistics=lambda examples: statistics)
    pipeline = create_pipeline(config, paths, earlier)
    runner_config = KubeflowV2DagRunnerConfig(
        default_image="image", use_pipeline_spec_2_1=schema_2_1
    )
    for component in pipeline.components:  # Would build wheels of module files.
        component._pip_dependencies = []
    job: dict[str, Any] = KubeflowV2DagRunner(runner_config).run(pipeline, write_out=False)
    return job["pipelineSpec"]


@pytest.mark.parametrize("schema_2_1", [False, True])
def test_what_tfx_alone_compiles_is_refused(schema_2_1: bool) -> None:
    lines = [str(problem) for problem in lint.find_problems(SpecView(_raw(schema_2_1)))]
    for words in (
        "Accepted_Statistics: Argo takes letters, digits and hyphens",
        "Accepted_Statistics: its executor is a resolver",
        "Trainer: runs TFX's own entrypoint",
        "SessionExampleGen: has a preCacheCheck hook",
        "SessionExampleGen: its driver is not run",
        "the pipeline root must start with",
    ):
        assert any(words in line for line in lines), "\n".join(lines)
    assert any("schemaVersion must be" in line for line in lines) is not schema_2_1
    machine = "Trainer: parameter custom_config names /home/me/out/checkpoints"
    assert any(machine in line for line in lines) is schema_2_1
