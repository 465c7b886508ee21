"""The verdict, and what its modules do without."""

from __future__ import annotations

import doctest
import importlib
import itertools
from pathlib import Path

import numpy as np
import pytest

from modules.config.options.model_gate import ModelGateOptions
from modules.evaluation.rank_table import (
    CANDIDATE,
    LAST_BLESSED,
)
from modules.gate import verdict
from tests.rank_tables import BOUNDS, make_table

PROJECT = Path(__file__).parents[4]
PURE = (
    "config.gate",
    "evaluation.beyond_accuracy",
    "evaluation.bootstrap",
    "evaluation.intervals",
    "evaluation.item_history",
    "evaluation.metric_names",
    "evaluation.rank_table",
    "gate.agreement_checks",
    "gate.check_record",
    "gate.metric_checks",
    "gate.verdict",
    "gate.verdict_table",
)


@pytest.mark.parametrize("module", PURE)
def test_examples_in_docstrings(module: str) -> None:
    found = doctest.testmod(importlib.import_module(f"modules.{module}"))
    assert found.failed == 0


@pytest.mark.parametrize("module", PURE)
def test_pure_modules_import_neither_tensorflow_nor_tfx(module: str) -> None:
    text = PROJECT.joinpath("modules", *module.split(".")).with_suffix(".py").read_text("utf-8")
    lines = [line for line in text.splitlines() if line.startswith(("import ", "from "))]
    assert lines
    for line, heavy in itertools.product(lines, ("tensorflow", "tfx", "apache_beam")):
        assert heavy not in line


def test_intervals_of_slices_are_wider_together() -> None:
    random = np.random.default_rng(0)
    rows = {name: random.integers(1, 60, (300, 12)).tolist() for name in (CANDIDATE, LAST_BLESSED)}
    options = ModelGateOptions(resamples=4_000)
    comparison = verdict.Comparison(make_table(**rows), options, BOUNDS)
    checks = {check.name: check for check in comparison.checks()}
    of_slice = checks["honest/all/recall@20/context_length=3..5"]
    alone = comparison.estimates.difference(of_slice.name, CANDIDATE, LAST_BLESSED, 0.95)
    assert of_slice.interval and alone.interval
    together = of_slice.interval[1] - of_slice.interval[0]
    assert together > 1.2 * (alone.interval[1] - alone.interval[0])
