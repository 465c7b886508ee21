"""A runtime parameter's value on its way to an execution property."""

from __future__ import annotations

from pipeline.cluster import runtime_parameters
from pipeline.cluster.runtime_parameters import Binding

# What YAML could take for something else.
TEXTS = (
    *("1e5", "010", "1_000", "on", "null", "1.10", "~", "", " 3", "true", "0x1F", "3", "-1"),
    *("1:30", "gs://bucket/a=b", '{"a": 1}', "{a", "'", '"3"', "# no comment", "2024-01-01", "é"),
)


def apply_one(binding: Binding, value: object, **properties: object) -> dict:
    """Returns the properties with the value in the binding's place."""
    return runtime_parameters.apply_all([binding], {binding.parameter: value, **properties})
