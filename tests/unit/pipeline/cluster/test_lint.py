"""Every rule finds its problem, names the node and says how to fix it; a good file passes."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.cluster import lint
from pipeline.cluster.emulator import driver
from pipeline.cluster.emulator.object_store import BackendError
from pipeline.cluster.lint_view import SpecView, read_view

TITLE = {"artifactType": {"instanceSchema": "title: tfx.Examples\ntype: object\n"}}
MOUNT = {"constant": "claim", "mountPath": "/mnt/state"}


def _container(node: str) -> dict:
    return {
        "image": "registry/image:1",
        "command": ["python", "kubeflow/entrypoint.py"],
        "args": ["--json_serialized_invocation_args", "{{$}}", "--node", node],
        "resources": {"cpuLimit": 1.0, "memoryLimit": 2.0, "cpuRequest": 1.0},
    }


def _good() -> dict[str, Any]:
    """Returns a view's fields: a node that reads a folder and one that reads its output."""
    return {
        "target": "oss",
        "spec": {
            "schemaVersion": "2.1.0",
            "pipelineInfo": {"name": "sample"},
            "defaultPipelineRoot": "minio://bucket/root",
            "components": {
                "Gen": {
                    "executorLabel": "Gen_executor",
                    "inputDefinitions": {
                        "parameters": {"data_folder": {"parameterType": "STRING"}},
                    },
                    "outputDefinitions": {"artifacts": {"examples": copy.deepcopy(TITLE)}},
                },
                "Use": {
                    "executorLabel": "Use_executor",
                    "inputDefinitions": {
                        "artifacts": {"examples": copy.deepcopy(TITLE)},
                        "parameters": {"number": {"parameterType": "NUMBER_INTEGER"}},
                    },
                    "outputDefinitions": {"artifacts": {"model": copy.deepcopy(TITLE)}},
                },
            },
            "deploymentSpec": {
                "executors": {
                    "Gen_executor": {"container": _container("Gen")},
                    "Use_executor": {"container": _container("Use")},
                }
            },
            "root": {
                "inputDefinitions": {
                    "parameters": {
                        "data_folder": {
                            "parameterType": "STRING",
                            "defaultValue": "/mnt/state/data",
                        }
                    }
                },
                "dag": {
                    "tasks": {
                        "Gen": {
                            "componentRef": {"name": "Gen"},
                            "taskInfo": {"name": "Gen"},
                            "inputs": {
                                "parameters": {
                                    "data_folder": {"componentInputParameter": "data_folder"}
                                }
                            },
                        },
                        "Use": {
                            "componentRef": {"name": "Use"},
                            "taskInfo": {"name": "Use"},
                            "cachingOptions": {"enableCache": True},
                            "dependentTasks": ["Gen"],
                            "inputs": {
                                "artifacts": {
                                    "examples": {
                                        "taskOutputArtifact": {
                                            "producerTask": "Gen",
                                            "outputArtifactKey": "examples",
                                        }
                                    }
                                },
                                "parameters": {"number": {"runtimeValue": {"constant": 3.0}}},
                            },
                        },
                    }
                },
            },
        },
        "platform": {
            "platforms": {
                "kubernetes": {
                    "deploymentSpec": {"executors": {"Gen_executor": {"pvcMount": [MOUNT]}}}
                }
            }
        },
        "documents": 2,
    }


def _at(path: str, value: Any) -> Callable[[dict], None]:
    """Returns a change that sets a value, or removes it (`...`), at a path of keys."""

    def change(fields: dict) -> None:
        *parents, last = path.split("/")
        place = fields
        for key in parents:
            place = place[key]
        if value is ...:
            del place[last]
        else:
            place[last] = value

    return change


GEN, USE = "spec/root/dag/tasks/Gen", "spec/root/dag/tasks/Use"
GEN_POD = "spec/deploymentSpec/executors/Gen_executor/container"
USE_POD = "spec/deploymentSpec/executors/Use_executor"
PLATFORM = "platform/platforms/kubernetes/deploymentSpec/executors"
ROOT_PARAMETER = "spec/root/inputDefinitions/parameters/data_folder"
CASES = {
    "schema": ("spec/schemaVersion", "2.0.0", "schemaVersion must be 2.1.0, got '2.0.0'"),
    "unknown field": ("spec/surprise", 1, "is not a valid PipelineSpec"),
    "unknown executor field": (f"{GEN_POD}/surprise", 1, "is not a valid PipelineDeploymentConfig"),
    "name": ("spec/pipelineInfo/name", "Sample_1", "the pipeline's name must be"),
    "no tasks": ("spec/root/dag/tasks", {}, "the root has no tasks"),
    "size": ("size", 2_000_000, "2,000,000 bytes"),
    "node id": ("spec/root/dag/tasks/My_node", {}, "My_node: Argo takes letters"),
    "component": (f"{USE}/componentRef/name", "Other", "Use: its component is missing"),
    "executor": (USE_POD, ..., "Use: its executor 'Use_executor' is missing"),
    "resolver": (USE_POD, {"resolver": {}}, "Use: its executor is a resolver"),
    "dependency": (f"{USE}/dependentTasks", ["Nobody"], "Use: depends on Nobody"),
    "cycle": (f"{GEN}/dependentTasks", ["Use"], "tasks wait for each other: Gen, Use"),
    "producer": (
        f"{USE}/inputs/artifacts/examples/taskOutputArtifact/producerTask",
        "Nobody",
        "Use: input examples comes from Nobody",
    ),
    "output": (
        f"{USE}/inputs/artifacts/examples/taskOutputArtifact/outputArtifactKey",
        "other",
        "Use: input examples: Gen has no output other",
    ),
    "type": (
        "spec/components/Gen/outputDefinitions/artifacts/examples/artifactType",
        {"instanceSchema": ""},
        "Gen: output examples has no type",
    ),
    "lost default": (f"{ROOT_PARAMETER}/defaultValue", ..., "data_folder has no default"),
    "legacy type": (
        "spec/components/Use/inputDefinitions/parameters/number",
        {"type": "INT"},
        "Use: parameter number has no parameterType",
    ),
    "no value": (f"{USE}/inputs/parameters", {}, "Use: parameter number has no value"),
    "no parent": (
        f"{GEN}/inputs/parameters/data_folder/componentInputParameter",
        "span",
        "Gen: parameter data_folder is span",
    ),
    "parameter of an output": (
        f"{USE}/inputs/parameters/number",
        {"taskOutputParameter": {"producerTask": "Gen_task", "outputParameterKey": "n"}},
        "Use: parameter number comes from Gen_task",
    ),
    "wrong constant": (
        f"{USE}/inputs/parameters/number/runtimeValue/constant",
        "3",
        "Use: parameter number must be NUMBER_INTEGER, got '3'",
    ),
    "image": (f"{GEN_POD}/image", "", "Gen: has no image"),
    "stock entrypoint": (
        f"{GEN_POD}/command",
        ["python", "-m", "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"],
        "Gen: runs TFX's own entrypoint",
    ),
    "other command": (f"{GEN_POD}/command", ["sh"], "Gen: does not run kubeflow/entrypoint.py"),
    "hook": (
        f"{GEN_POD}/lifecycle",
        {"preCacheCheck": {"command": ["x"]}},
        "Gen: has a preCacheCheck hook",
    ),
    "long argument": (f"{GEN_POD}/args", ["x" * 200_000], "Gen: an argument has 200,000 bytes"),
    "braces": (f"{GEN_POD}/args", ["{{workflow.name}}"], "Gen: contains '{{workflow.name}}'"),
    "unknown placeholder": (
        f"{GEN_POD}/args",
        ["{{$.inputs.parameters['other']}}"],
        "Gen: contains \"{{$.inputs.parameters['other']}}\"",
    ),
    "driver": (
        "spec/components/Gen/inputDefinitions/parameters/input_config",
        {"parameterType": "STRING", "isOptional": True},
        "Gen: its driver is not run",
    ),
    "large message": (
        f"{USE}/inputs/parameters/number/runtimeValue/constant",
        "y " * 70_000,
        "in one argument",
    ),
    "pipeline root": ("spec/defaultPipelineRoot", "/tmp/root", "the pipeline root must start"),
    "documents": ("documents", 3, "the file has 3 documents"),
    "folder on an object store": (
        f"{ROOT_PARAMETER}/defaultValue",
        "minio://bucket/data",
        "Gen: data_folder is minio://bucket/data, which neither",
    ),
    "folder without volume": (
        f"{PLATFORM}/Gen_executor",
        {},
        "Gen: data_folder is /mnt/state/data, and no volume is mounted there",
    ),
    "volume beside": (
        f"{ROOT_PARAMETER}/defaultValue",
        "/mnt/state-2/data",
        "no volume is mounted there: mount one in platform.yaml",
    ),
    "relative folder": (f"{ROOT_PARAMETER}/defaultValue", "data", "must be an absolute path"),
    "machine path": (
        f"{USE}/inputs/parameters/number/runtimeValue/constant",
        '{"schema": "/home/me/schema.pbtxt"}',
        "Use: parameter number names /home/me/schema.pbtxt",
    ),
    "fixed folder": (
        f"{USE}/inputs/parameters/number/runtimeValue/constant",
        '{"checkpoint_folder": "/mnt/state/data/checkpoints"}',
        "Use: parameter number contains /mnt/state/data, the default of data_folder",
    ),
    "cached source": (f"{GEN}/cachingOptions", {"enableCache": True}, "Gen: is cached, but reads"),
    "cached effect": (
        "spec/components/Use/outputDefinitions",
        {},
        "Use: is cached, but has no output",
    ),
    "limit": (f"{GEN_POD}/resources", {"cpuLimit": 1.0}, "Gen: has no memory limit"),
    "request": (
        f"{GEN_POD}/resources/cpuRequest",
        4.0,
        "Gen: requests 4.0 cpu, above its limit 1.0",
    ),
    "accelerator": (
        f"{GEN_POD}/resources/accelerator",
        {"type": "NVIDIA_TESLA_T4", "count": "1"},
        "Gen: requests 'NVIDIA_TESLA_T4', which is not an accelerator of oss",
    ),
    "remote Beam": (
        f"{GEN_POD}/args",
        ["--runner=PortableRunner"],
        "Gen: Beam's workers of PortableRunner cannot see",
    ),
    "platform of nobody": (f"{PLATFORM}/Other_executor", {}, "Other_executor: the platform"),
    "platform key": (f"{PLATFORM}/Gen_executor/pvcMounts", [], "Gen: platform key 'pvcMounts'"),
    "volume without place": (
        f"{PLATFORM}/Gen_executor/pvcMount",
        [{"constant": "claim"}],
        "Gen: pvcMount must have mountPath",
    ),
}


def _lines(fields: dict) -> list[str]:
    return [str(problem) for problem in lint.find_problems(SpecView(**fields))]


def test_a_good_specification_has_no_problem() -> None:
    assert _lines(_good()) == []


@pytest.mark.parametrize("case", CASES)
def test_a_rule_finds_what_it_is_for(case: str) -> None:
    path, value, expected = CASES[case]
    fields = _good()
    _at(path, value)(fields)
    found = [line for line in _lines(fields) if expected in line]
    assert found, _lines(fields)
    assert all(line.rpartition(": ")[2].strip() for line in found), "no fix"


def test_every_rule_has_a_case() -> None:
    from pipeline.cluster import lint_graph, lint_placement

    unused = {*lint_graph.RULES, *lint_placement.RULES}
    for path, value, _ in CASES.values():
        fields = _good()
        _at(path, value)(fields)
        unused -= {rule for rule in unused if list(rule(SpecView(**fields)))}
    assert not unused


def _vertex() -> dict:
    fields = _good()
    del fields["platform"]
    fields["target"] = "vertex"
    fields["spec"]["defaultPipelineRoot"] = "gs://bucket/root"
    _at(f"{ROOT_PARAMETER}/defaultValue", "gs://bucket/data")(fields)
    fields["job"] = {
        "displayName": "sample",
        "runtimeConfig": {"gcsOutputDirectory": "gs://bucket/root"},
        "pipelineSpec": fields["spec"],
    }
    return fields


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("job/runtimeConfig", {}, "the pipeline root must start with gs://, got ''"),
        (f"{ROOT_PARAMETER}/defaultValue", "/mnt/state/data", "Vertex mounts no volumes"),
        (
            f"{GEN_POD}/resources/accelerator",
            {"type": "nvidia.com/gpu", "count": "1"},
            "not an accelerator of vertex",
        ),
        ("job/surprise", 1, "is not a valid PipelineJob"),
        (f"{ROOT_PARAMETER}/defaultValue", "gs://b/a*", "data_folder must have none of * ? ["),
        (
            "job/runtimeConfig/gcsOutputDirectory",
            "gs://b/[1]",
            "the pipeline root must have none of * ? [",
        ),
    ],
)
def test_vertex_has_rules_of_its_own(path: str, value: Any, expected: str) -> None:
    fields = _vertex()
    assert _lines(fields) == []
    _at(path, value)(fields)
    assert any(expected in line for line in _lines(fields)), _lines(fields)


def test_the_command_reports_every_file_and_fails_for_a_bad_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad, broken = tmp_path / "a.yaml", tmp_path / "b.json", tmp_path / "c.yaml"
    fields = _good()
    good.write_text(yaml.safe_dump_all([fields["spec"], fields["platform"]]), "utf-8")
    bad.write_text(json.dumps({"pipelineSpec": fields["spec"]}), "utf-8")
    broken.write_text("a: [", "utf-8")
    assert lint.check_files([good]) == 0
    assert lint.check_files([good, bad, broken]) == 1
    output = capsys.readouterr().out
    assert f"{good}: ok" in output and f"{bad}: not usable" in output
    assert "cannot be read" in output


def test_a_file_without_a_specification_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "platform.yaml"
    file.write_text("platforms: {}\n", "utf-8")
    with pytest.raises(ValueError, match="must contain one specification, it has 0"):
        read_view(file)


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
