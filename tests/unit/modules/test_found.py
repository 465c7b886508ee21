"""Artifacts that mean "there is none"."""

from __future__ import annotations

import pytest
from tfx.types import standard_artifacts

from modules.found import FOUND, is_found


@pytest.mark.parametrize(("value", "expected"), [(None, True), (1, True), (0, False)])
def test_an_artifact_is_there_unless_it_says_otherwise(value: int | None, expected: bool) -> None:
    model = standard_artifacts.Model()
    if value is not None:
        model.set_int_custom_property(FOUND, value)
    assert is_found(model) is expected


def test_no_artifact_is_not_there() -> None:
    assert not is_found(None)
