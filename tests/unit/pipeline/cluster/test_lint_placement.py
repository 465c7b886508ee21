"""Every rule for where a pipeline runs finds its problem and names its node."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.cluster.lint_placement import RULES
from pipeline.cluster.lint_view import SpecView
from tests.specifications import (
    GEN,
    GEN_POD,
    PLATFORM,
    ROOT_PARAMETER,
    USE,
    good_fields,
    problem_lines,
    set_at,
    vertex_fields,
)

CASES = {
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
    "workers elsewhere": (
        f"{USE}/inputs/parameters/number/runtimeValue/constant",
        '{"worker_job": {"kind": "TFJob"}}',
        "Use: its workers on other machines cannot see a pod's copies",
    ),
    "platform of nobody": (f"{PLATFORM}/Other_executor", {}, "Other_executor: the platform"),
    "platform key": (f"{PLATFORM}/Gen_executor/pvcMounts", [], "Gen: platform key 'pvcMounts'"),
    "volume without place": (
        f"{PLATFORM}/Gen_executor/pvcMount",
        [{"constant": "claim"}],
        "Gen: pvcMount must have mountPath",
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
    fields = vertex_fields()
    assert problem_lines(fields) == []
    set_at(path, value)(fields)
    assert any(expected in line for line in problem_lines(fields)), problem_lines(fields)
