"""One step in each precision, on the CPU in the place of a GPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.gpu_check import agreement, table


@pytest.mark.exhaustive
def test_on_one_device_steps_differ_by_their_rounding_alone() -> None:
    errors = agreement.steps("CPU:0")
    assert {row.passed for row in table.step_rows(errors)} == {True}
    # The CPU does not round products of float32.
    assert {*errors["float32"].values(), *errors["float32 with TensorFloat-32"].values()} == {0.0}
    for what, error in errors["mixed_float16"].items():
        assert 0.0 < error < errors["mixed_bfloat16"][what]


def test_a_step_has_gradients_of_all_weights() -> None:
    step = agreement.one_step("CPU:0", "float32")
    gradients = {name: value for name, value in step.items() if name.startswith("gradient")}
    assert len(gradients) > 10
    assert all(np.linalg.norm(value) > 1e-4 for value in gradients.values())
    assert all(np.isfinite(value).all() for value in step.values())


def test_a_gru_that_is_wrong_is_found_in_every_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = agreement.one_step("CPU:0", "float32")
    make_model = agreement._model

    def make_wrong_model(*arguments: Any) -> Any:
        model = make_model(*arguments)
        model.query_tower.members[0].gru.go_backwards = True
        return model

    monkeypatch.setattr(agreement, "_model", make_wrong_model)
    found = agreement.one_step("CPU:0", "float32")
    errors = agreement.relative_errors(found, expected)
    rows = table.step_rows(dict.fromkeys(table.TOLERANCES, errors))
    passed = {row.what for row in rows if row.passed}
    assert passed <= {"loss, relative error"}


def test_relative_errors_are_of_norms_and_the_worst_gradient_counts() -> None:
    expected = {
        "queries": np.array([[3.0, 4.0]]),
        "loss": np.array(2.0),
        "gradient 0": np.array([1.0, 0.0]),
        "gradient 1": np.array([0.0, 10.0]),
    }
    found = {
        "queries": np.array([[3.0, 4.5]]),
        "loss": np.array(2.2),
        "gradient 0": np.array([1.0, 0.2]),
        "gradient 1": np.array([0.0, 11.0]),
    }
    errors = agreement.relative_errors(found, expected)
    assert errors == pytest.approx({"queries": 0.1, "loss": 0.1, "gradients": 0.2})
    found["gradient 1"] = np.array([np.nan, 10.0])
    assert np.isnan(agreement.relative_errors(found, expected)["gradients"])
