"""Fields of specifications without a problem, and changes of them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from pipeline.cluster.lint import find_problems
from pipeline.cluster.lint_view import SpecView

TITLE = {"artifactType": {"instanceSchema": "title: tfx.Examples\ntype: object\n"}}
MOUNT = {"constant": "claim", "mountPath": "/mnt/state"}


def _container(node: str) -> dict[str, Any]:
    return {
        "image": "registry/image:1",
        "command": ["python", "kubeflow/entrypoint.py"],
        "args": ["--json_serialized_invocation_args", "{{$}}", "--node", node],
        "resources": {"cpuLimit": 1.0, "memoryLimit": 2.0, "cpuRequest": 1.0},
    }


def good_fields() -> dict[str, Any]:
    """Returns the fields of a SpecView: a node reads a folder, another one its output."""
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


def set_at(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Returns a change that sets a value, or removes it (`...`), at a path of keys."""

    def change(fields: dict[str, Any]) -> None:
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


def vertex_fields() -> dict[str, Any]:
    """Returns the fields of the same specification for Vertex."""
    fields = good_fields()
    del fields["platform"]
    fields["target"] = "vertex"
    fields["spec"]["defaultPipelineRoot"] = "gs://bucket/root"
    set_at(f"{ROOT_PARAMETER}/defaultValue", "gs://bucket/data")(fields)
    fields["job"] = {
        "displayName": "sample",
        "runtimeConfig": {"gcsOutputDirectory": "gs://bucket/root"},
        "pipelineSpec": fields["spec"],
    }
    return fields


def problem_lines(fields: dict[str, Any]) -> list[str]:
    """Returns all problems of a specification as lines."""
    return [str(problem) for problem in find_problems(SpecView(**fields))]
