"""The containers' entrypoint with TFX behind it: messages repaired, failures clean, drivers run."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tfx.components.example_gen.utils import FINGERPRINT_PROPERTY_NAME

from pipeline.sample.generate import write_days, write_sample

PROJECT = Path(__file__).resolve().parents[2]
TESTS = Path(__file__).resolve().parent
sys.path.append(str(TESTS))

from modules.daily.days import DAYS  # noqa: E402
from pipeline.cluster import entrypoint  # noqa: E402
from pipeline.cluster.executor_input import BEAM_OPTIONS, OUTPUTS  # noqa: E402
from pipeline.cluster.runtime_parameters import FLAG, Binding, encode  # noqa: E402
from tests.click_files import input_config  # noqa: E402
from tests.hung_jobs import hung_job_server  # noqa: E402

EXAMPLES = "title: tfx.Examples\ntype: object\nproperties:\n  span:\n    type: integer\n"
MODEL = "title: tfx.Model\ntype: object\n"
SPEC = {
    "artifacts": {"examples": {"artifactType": {"instanceSchema": EXAMPLES}}},
    "parameters": {"number": {"parameterType": "NUMBER_INTEGER"}},
}
INPUT = "minio://bucket/run/Gen/1/examples"
OUTPUT = "minio://bucket/run/Node/2/model"


@pytest.fixture(autouse=True)
def pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Gives a pod's root, and the signal handling back."""
    monkeypatch.setenv(entrypoint.POD_ROOT_VARIABLE, str(tmp_path))
    before = signal.getsignal(signal.SIGTERM)
    yield tmp_path
    signal.signal(signal.SIGTERM, before)


def _place(pod: Path, uri: str) -> Path:
    return pod / uri.replace("://", "/")


def _message(pod: Path, metadata: dict[str, Any] | None = None, **values: Any) -> dict[str, Any]:
    examples = {
        "name": "41",
        "uri": INPUT,
        "type": {"instanceSchema": ""},
        "metadata": metadata or {"split_names": '["train"]', "display_name": "examples"},
    }
    model = {"name": "model", "uri": OUTPUT, "type": {"instanceSchema": MODEL}}
    return {
        "inputs": {
            "parameterValues": values,
            "artifacts": {"examples": {"artifacts": [examples]}},
        },
        "outputs": {
            "artifacts": {"model": {"artifacts": [model]}},
            "outputFile": str(_place(pod, OUTPUT).parent / "output_metadata.json"),
        },
    }


def _arguments(
    executor: str, message: dict[str, Any], *more: str, own: tuple[str, ...] = ("model",)
) -> list[str]:
    return [
        *("--executor_class_path", f"kubeflow_executors.{executor}"),
        *("--json_serialized_invocation_args", json.dumps(message)),
        *("--json_serialized_inputs_spec_args", json.dumps(SPEC)),
        *("--node", "MyNode", OUTPUTS, json.dumps(own)),
        *more,
        "--runner=DirectRunner",
    ]


def _seen(pod: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((_place(pod, OUTPUT) / "seen.json").read_text("utf-8"))
    return found


def test_the_executor_gets_typed_artifacts_at_local_paths_and_the_runs_values(pod: Path) -> None:
    _place(pod, INPUT).mkdir(parents=True)
    message = _message(pod, number=3.0, options='{"a": 1}', epochs=7)
    bindings = encode([Binding("epochs", "options", ("a",))])
    assert entrypoint.main(_arguments("Recording", message, FLAG, bindings)) == 0
    seen = _seen(pod)
    assert seen["inputs"] == {"examples": ["Examples", str(_place(pod, INPUT))]}
    assert seen["properties"] == {"number": 3, "options": '{"a": 7}'}
    assert isinstance(seen["properties"]["number"], int)


def test_what_goes_back_to_kfp_has_uris_and_no_path_of_the_pod(pod: Path) -> None:
    _place(pod, INPUT).mkdir(parents=True)
    message = _message(pod)
    assert entrypoint.main(_arguments("Recording", message)) == 0
    text = Path(message["outputs"]["outputFile"]).read_text("utf-8")
    assert str(pod) not in text
    (model,) = json.loads(text)["artifacts"]["model"]["artifacts"]
    assert model["uri"] == OUTPUT
    assert model["metadata"]["made_of"] == INPUT


# The output that KFP's driver adds, from 2.5 on: named from 2.15 on, numbered from 2.16.1 on.
LOGS = {
    "2.5": {"uri": "minio://bucket/run/Node/2/executor-logs"},
    "2.15": {"name": "executor-logs", "uri": "minio://bucket/run/Node/2/executor-logs"},
    "2.17": {"name": "executor-logs", "uri": "minio://bucket/run/Node/2/executor-logs-0"},
    "2.17, a retry": {"name": "executor-logs", "uri": "minio://bucket/run/Node/2/executor-logs-1"},
}


@contextlib.contextmanager
def _log(pod: Path, message: dict[str, Any], backend: str) -> Iterator[None]:
    """Opens a node's log as the launcher does, and checks afterwards that it is there and whole."""
    log = {**LOGS[backend], "type": {"schemaTitle": "system.Artifact"}}
    outputs = message["outputs"].setdefault("artifacts", {})
    outputs["executor-logs"] = {"artifacts": [log]}
    path = _place(pod, log["uri"])
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        print("the first words", file=file, flush=True)
        yield
        print("the last words", file=file)
    assert path.read_text("utf-8") == "the first words\nthe last words\n"


@pytest.mark.parametrize("backend", LOGS)
@pytest.mark.parametrize("executor", ["Recording", "Failing"])
def test_a_nodes_log_is_not_its_output_and_stays_open(
    pod: Path, backend: str, executor: str
) -> None:
    _place(pod, INPUT).mkdir(parents=True)
    message = _message(pod)
    if backend != "2.17":
        message["outputs"]["outputFile"] = str(pod / "kfp_outputs" / "output_metadata.json")
    with _log(pod, message, backend):
        # What a killed attempt left goes, the log stays.
        _place(pod, OUTPUT).mkdir(parents=True)
        status = entrypoint.main(_arguments(executor, message))
    assert status == int(executor == "Failing")
    if status:
        assert not _place(pod, OUTPUT).exists()
    else:
        text = Path(message["outputs"]["outputFile"]).read_text("utf-8")
        assert set(json.loads(text)["artifacts"]) == {"model"}
        assert _seen(pod)["left_behind"] is False


def test_a_specification_compiled_without_the_outputs_names_drops_the_log_too(pod: Path) -> None:
    _place(pod, INPUT).mkdir(parents=True)
    message = _message(pod)
    with _log(pod, message, "2.17"):
        arguments = _arguments("Recording", message)
        at = arguments.index(OUTPUTS)
        assert entrypoint.main(arguments[:at] + arguments[at + 2 :]) == 0


@pytest.mark.parametrize("published", [True, False])
def test_a_node_without_outputs_has_no_such_key_or_its_log_alone(
    pod: Path, published: bool
) -> None:
    _place(pod, INPUT).mkdir(parents=True)
    message = _message(pod, number=3)
    del message["outputs"]["artifacts"]
    with _log(pod, message, "2.17") if published else contextlib.nullcontext():
        assert entrypoint.main(_arguments("Silent", message, own=())) == 0
    written = json.loads(Path(message["outputs"]["outputFile"]).read_text("utf-8"))
    assert written == {}


def test_a_node_without_inputs_has_no_such_keys(pod: Path) -> None:
    message = _message(pod)
    message["inputs"] = {}
    assert entrypoint.main(_arguments("Recording", message)) == 0
    assert (_seen(pod)["inputs"], _seen(pod)["properties"]) == ({}, {})


def test_an_input_says_where_its_store_is_as_a_json_text(pod: Path) -> None:
    _place(pod, INPUT).mkdir(parents=True)
    store = {"Provider": "minio", "Params": {"endpoint": "a:9000", "secretName": "keys"}}
    text = json.dumps(store, separators=(",", ":"))
    message = _message(pod, {"split_names": '["train"]', "store_session_info": text})
    assert entrypoint.main(_arguments("Recording", message)) == 0
    assert _seen(pod)["inputs"] == {"examples": ["Examples", str(_place(pod, INPUT))]}
    assert text not in Path(message["outputs"]["outputFile"]).read_text("utf-8")


def test_an_input_that_stands_for_none_does_not_reach_the_executor(pod: Path) -> None:
    assert entrypoint.main(_arguments("Recording", _message(pod, {"found": 0.0}))) == 0
    assert _seen(pod)["inputs"] == {}


def test_a_missing_input_is_reported_with_the_node_and_its_uri(
    pod: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert entrypoint.main(_arguments("Recording", _message(pod))) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("Node MyNode failed: MissingInputError: input 'examples' is missing")
    assert INPUT in last


def test_a_failing_node_says_why_and_leaves_no_output(
    pod: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _place(pod, INPUT).mkdir(parents=True)
    message = _message(pod)
    assert entrypoint.main(_arguments("Failing", message)) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last == "Node MyNode failed: ValueError: there is nothing to learn from"
    assert not _place(pod, OUTPUT).exists()
    assert not Path(message["outputs"]["outputFile"]).exists()


def test_a_failing_job_says_what_its_workers_raised(
    pod: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pool.log").write_text(
        'Traceback (most recent call last):\n  File "x.py", line 1\nKeyError: 3\n'
    )
    _place(pod, INPUT).mkdir(parents=True)
    options = json.dumps({"worker_logs": f"{tmp_path}/*.log"})
    arguments = _arguments("FailingJob", _message(pod), BEAM_OPTIONS, options)
    assert entrypoint.main(arguments) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last == "Node MyNode failed: WorkerFailedError: KeyError: 3"


def test_workers_that_do_not_start_end_a_node_in_their_time_limit(
    pod: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _place(pod, INPUT).mkdir(parents=True)
    with hung_job_server() as (service, address):
        options = '{"start_minutes": 0.02}'
        flags = [
            *("--runner=PortableRunner", f"--job_endpoint={address}"),
            *("--environment_type=EXTERNAL", "--environment_config=localhost:50000"),
            "--sdk_container_image=unused",
        ]
        arguments = [
            [*_arguments(executor, _message(pod), BEAM_OPTIONS, options)[:-1], *flags]
            for executor in ("Recording", "BeamNode")
        ]
        # Which has no Beam jobs, though TFX hands it the flags.
        assert entrypoint.main(arguments[0]) == 0 and not service.cancelled
        assert entrypoint.main(arguments[1]) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert "the workers of PortableRunner did not answer within 0.02 minutes" in last
    assert service.cancelled and not _place(pod, OUTPUT).exists()


def test_an_attempt_starts_without_what_a_killed_one_left(pod: Path) -> None:
    _place(pod, INPUT).mkdir(parents=True)
    message = _message(pod)
    _place(pod, OUTPUT).mkdir(parents=True)
    (_place(pod, OUTPUT) / "half").write_text("half", "utf-8")
    # A driver's leavings, which TFX would take for execution properties.
    Path(message["outputs"]["outputFile"]).write_text('{"parameterValues": {"x": "old"}}', "utf-8")
    assert entrypoint.main(_arguments("Recording", message)) == 0
    assert _seen(pod)["left_behind"] is False
    assert "x" not in _seen(pod)["properties"]
    assert not (_place(pod, OUTPUT) / "half").exists()


def test_a_value_that_cannot_be_used_is_reported_by_its_name(
    pod: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _place(pod, INPUT).mkdir(parents=True)
    bindings = encode([Binding("thresholds", "options", ("thresholds",), "json")])
    message = _message(pod, thresholds="recall", options="{}")
    assert entrypoint.main(_arguments("Recording", message, FLAG, bindings)) == 1
    assert "Node MyNode failed: ValueError: thresholds must be JSON" in capsys.readouterr().err


def test_a_pod_that_is_deleted_cleans_up_behind_itself(pod: Path) -> None:
    _place(pod, INPUT).mkdir(parents=True)
    message = _message(pod)
    with _log(pod, message, "2.17"):
        _delete_while_it_runs(pod, _arguments("Waiting", message))
    assert not _place(pod, OUTPUT).exists()


def _delete_while_it_runs(pod: Path, arguments: list[str]) -> None:
    process = subprocess.Popen(
        [sys.executable, str(PROJECT / "kubeflow" / "entrypoint.py"), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )
    try:
        assert process.stdout is not None
        assert any("waiting" in line for line in process.stdout)
        assert (_place(pod, OUTPUT) / "half").exists()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 128 + signal.SIGTERM
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a folder with two spans of a small shop."""
    folder = tmp_path_factory.mktemp("days")
    for span in (1, 2):
        write_sample(folder / f"day-{span}", sessions=200 * span)
    return folder


def _example_gen(
    pod: Path, days: Path, patterns: dict[str, str], window: int = 0, **parameters: str | int
) -> dict[str, Any]:
    """Returns the metadata of the examples that SessionExampleGen writes in a container."""
    from components.session_example_gen.node import SessionExampleGen
    from modules.config.options.sessions import SessionOptions

    node = SessionExampleGen("/nowhere", input_config(**patterns), SessionOptions(), window=window)
    values = {k: v for k, v in node.exec_properties.items() if v is not None}
    message = _message(pod, **values, data_folder=str(days), **parameters)
    del message["inputs"]["artifacts"]
    (artifact,) = message["outputs"]["artifacts"].pop("model")["artifacts"]
    artifact["type"] = {"instanceSchema": EXAMPLES}
    message["outputs"]["artifacts"]["examples"] = {"artifacts": [artifact]}
    bindings = [
        Binding("data_folder", "input_base"),
        *(Binding(name, "range_config", form=name) for name in parameters),
    ]
    driver = "components.session_example_gen.driver.SessionFilesDriver"
    with _log(pod, message, "2.17"):
        arguments = _arguments("", message, FLAG, encode(bindings), own=("examples",))
        arguments[1] = "components.session_example_gen.node.SessionExampleGenExecutor"
        arguments[-1] = "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"
        assert entrypoint.main([*arguments, "--driver_class_path", driver]) == 0
    output = json.loads(Path(message["outputs"]["outputFile"]).read_text("utf-8"))
    (examples,) = output["artifacts"]["examples"]["artifacts"]
    metadata: dict[str, Any] = examples["metadata"]
    return metadata


@pytest.mark.parametrize(("span", "expected"), [(-1, 2), (1, 1)])
def test_example_gens_driver_finds_the_span_and_takes_the_fingerprint(
    pod: Path, days: Path, span: int, expected: int
) -> None:
    patterns = {name: f"day-{{SPAN}}/{name}.tsv" for name in ("train", "test")}
    metadata = _example_gen(pod, days, patterns, span=span)
    found = {key.rpartition(":")[2]: value for key, value in metadata.items()}
    assert found["span"] == expected
    rows = (days / f"day-{expected}" / "train.tsv").read_text("utf-8").count("\n") - 1
    assert metadata["train.rows_read"] == rows
    assert "files:" in found[FINGERPRINT_PROPERTY_NAME]


def test_a_window_of_days_ends_at_the_date_of_the_run(pod: Path, tmp_path: Path) -> None:
    write_days(tmp_path, sessions=400)
    pattern = {"train": "clicks-{YYYY}-{MM}-{DD}.tsv"}
    metadata = _example_gen(pod, tmp_path, pattern, window=3, date="2015-09-10")
    sizes = {
        f"2015-09-{day:02d}": (tmp_path / f"clicks-2015-09-{day:02d}.tsv").stat().st_size
        for day in (7, 8, 9, 10)
    }
    assert json.loads(metadata[DAYS]) == sizes
    assert (metadata["train.files"], metadata["test.files"]) == (3, 1)
