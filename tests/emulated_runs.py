"""A specification of two shell commands as nodes, run by the local driver."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pipeline.cluster.emulator import driver
from pipeline.cluster.emulator.object_store import Store

TYPE = {"artifactType": {"instanceSchema": "title: tfx.Examples\n"}}
# Writes one file and its output message, as the entrypoint does.
WRITE = """
import json, os, sys
message = json.loads(sys.argv[1])
artifact = message["outputs"]["artifacts"]["examples"]["artifacts"][0]
path = artifact["uri"].replace("minio://", os.environ["SESSION_RETRIEVAL_POD_ROOT"] + "/minio/")
os.makedirs(path)
open(path + "/data", "w").write("kept")
output = {"artifacts": {"examples": {"artifacts": [{"uri": artifact["uri"], "metadata": EXTRA}]}}}
os.makedirs(os.path.dirname(message["outputs"]["outputFile"]), exist_ok=True)
open(message["outputs"]["outputFile"], "w").write(json.dumps(output))
"""
READ = """
import json, os, sys
message = json.loads(sys.argv[1])
open(sys.argv[2], "w").write(sys.argv[1])
uri = message["inputs"]["artifacts"]["examples"]["artifacts"][0]["uri"]
path = uri.replace("minio://", os.environ["SESSION_RETRIEVAL_POD_ROOT"] + "/minio/")
assert open(path + "/data").read() == "kept"
"""


def two_nodes(
    write: str = WRITE, read: str = READ, seen: str = os.devnull, extra: str = "{'rows': 3}"
) -> dict[str, Any]:
    """Returns a specification: `Gen` writes a file, `A-user` reads it."""

    def container(code: str, *more: str) -> dict:
        return {"container": {"command": ["python", "-c", code], "args": ["{{$}}", *more]}}

    source = {"taskOutputArtifact": {"producerTask": "Gen", "outputArtifactKey": "examples"}}
    return {
        "pipelineInfo": {"name": "sample"},
        "defaultPipelineRoot": "minio://bucket/root",
        "components": {
            "Gen": {
                "executorLabel": "Gen",
                "inputDefinitions": {"parameters": {"n": {"parameterType": "NUMBER_INTEGER"}}},
                "outputDefinitions": {"artifacts": {"examples": TYPE}},
            },
            "Use": {
                "executorLabel": "Use",
                "inputDefinitions": {"artifacts": {"examples": TYPE}},
            },
        },
        "deploymentSpec": {
            "executors": {
                "Gen": container(write.replace("EXTRA", extra)),
                "Use": container(read, seen),
            }
        },
        "root": {
            "inputDefinitions": {
                "parameters": {"n": {"parameterType": "NUMBER_INTEGER", "defaultValue": 3.0}}
            },
            "dag": {
                "tasks": {
                    # Named so that the order of names is not that of the graph.
                    "A-user": {
                        "componentRef": {"name": "Use"},
                        "inputs": {"artifacts": {"examples": source}},
                    },
                    "Gen": {
                        "componentRef": {"name": "Gen"},
                        "inputs": {"parameters": {"n": {"componentInputParameter": "n"}}},
                    },
                }
            },
        },
    }


def run_spec(spec: dict, work: Path, publish_logs: bool = True, **given: Any) -> Store:
    """Runs a specification; returns what its nodes left."""
    return driver.run_pipeline(spec, given, work, publish_logs=publish_logs)


def stored_objects(work: Path) -> list[str]:
    """Returns the objects in the store, each as NODE/FILE below the artifact."""
    files = [file for file in (work / "store" / "minio").rglob("*") if file.is_file()]
    # minio/BUCKET/PREFIX/PIPELINE/RUN/NODE/ATTEMPT/ARTIFACT...
    parts = [file.relative_to(work / "store" / "minio").parts for file in files]
    return sorted("/".join([part[4], *part[6:]]) for part in parts)
