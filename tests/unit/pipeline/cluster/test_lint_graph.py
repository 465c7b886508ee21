"""Every rule for the graph and its containers finds its problem and names its node."""

from __future__ import annotations

import pytest

from pipeline.cluster.lint_graph import RULES
from pipeline.cluster.lint_view import SpecView
from tests.specifications import (
    GEN,
    GEN_POD,
    ROOT_PARAMETER,
    USE,
    USE_POD,
    good_fields,
    problem_lines,
    set_at,
)

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
}


@pytest.mark.parametrize("case", CASES)
def test_a_rule_finds_what_it_is_for(case: str) -> None:
    path, value, expected = CASES[case]
    fields = good_fields()
    set_at(path, value)(fields)
    found = [line for line in problem_lines(fields) if expected in line]
    assert found, problem_lines(fields)
    assert all(line.rpartition(": ")[2].strip() for line in found), "no fix"


def test_every_rule_has_a_case() -> None:
    unused = {*RULES}
    for path, value, _ in CASES.values():
        fields = good_fields()
        set_at(path, value)(fields)
        unused -= {rule for rule in unused if list(rule(SpecView(**fields)))}
    assert not unused
