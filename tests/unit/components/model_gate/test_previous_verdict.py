"""Which verdict is the one about the day before, and what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tfx.types import Channel, standard_artifacts
from tfx.types.experimental import simple_artifacts

from components.model_gate.previous_verdict import (
    EXAMPLES,
    EXAMPLES_ID,
    VERDICT,
    LatestOtherVerdict,
    UnreadableVerdictError,
    previous_verdict,
    read_previous_days,
)
from modules.daily.artifacts import SPAN
from modules.gate.day_records import DAYS, DayRecord
from tests.daily_examples import examples_of


def _artifact(kind: Any, number: int, **properties: int) -> Any:
    artifact = kind()
    artifact.id = number
    for name, value in properties.items():
        artifact.set_int_custom_property(name, value)
    return artifact


def _resolve(folder: Path, examples: int, verdicts: list[tuple[int, int | None]]) -> list[int]:
    """Resolves for examples of an id; verdicts are (id, id of their examples)."""
    found = []
    for number, of in verdicts:
        properties = {} if of is None else {EXAMPLES_ID: of}
        found.append(_artifact(simple_artifacts.Metrics, number, **properties))
        found[-1].uri = str(folder / str(number))
    own = [_artifact(standard_artifacts.Examples, examples)]
    resolved = LatestOtherVerdict().resolve_artifacts(None, {EXAMPLES: own, VERDICT: found})
    assert resolved[EXAMPLES] == own
    return [artifact.id for artifact in resolved[VERDICT]]


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([], []),
        ([(5, 1)], [5]),
        ([(5, 1), (8, 4)], [8]),
        ([(5, 1), (12, 10)], [5]),  # of this run's examples, as it is repeated
        ([(5, 1), (8, None)], [5]),  # of a former version
        ([(12, 10)], []),
        ([(5, 1), (99, 4)], [5]),  # whose folder was removed
    ],
)
def test_it_is_the_newest_about_other_examples(tmp_path: Path, verdicts, expected) -> None:
    for number in (5, 8, 12):
        (tmp_path / str(number)).mkdir()
    assert _resolve(tmp_path, 10, verdicts) == expected


def test_in_a_window_of_days_it_is_about_the_day_before(tmp_path: Path) -> None:
    """After a past day, the newest verdict knows none of the days after it."""
    verdicts = []
    for number, span in ((5, 13), (8, 14), (12, 9)):
        verdict = _artifact(simple_artifacts.Metrics, number, **{EXAMPLES_ID: number, SPAN: span})
        verdict.uri = str(tmp_path / str(number))
        Path(verdict.uri).mkdir()
        verdicts.append(verdict)
    inputs = {EXAMPLES: [examples_of(15)], VERDICT: verdicts}
    resolved = LatestOtherVerdict().resolve_artifacts(None, inputs)
    assert [artifact.id for artifact in resolved[VERDICT]] == [8]


def test_the_node_reads_the_examples_of_its_own_run() -> None:
    of_run = Channel(type=standard_artifacts.Examples, producer_component_id="SessionExampleGen")
    node = previous_verdict(of_run)
    assert node.id == "PreviousVerdict"
    assert node.outputs[VERDICT].type is simple_artifacts.Metrics


def test_the_days_of_a_verdict_are_read(tmp_path: Path) -> None:
    verdict = _artifact(simple_artifacts.Metrics, 1)
    verdict.uri = str(tmp_path)
    days = [DayRecord(1, 2, True, {})]
    (tmp_path / "verdict.json").write_text(json.dumps({DAYS: [day.as_json() for day in days]}))
    assert read_previous_days(verdict) == days


@pytest.mark.parametrize("text", [None, "", "[]", '{"days": [1]}'])
def test_a_verdict_that_cannot_be_read_is_named(tmp_path: Path, text: str | None) -> None:
    verdict = _artifact(simple_artifacts.Metrics, 1)
    verdict.uri = str(tmp_path)
    if text is not None:
        (tmp_path / "verdict.json").write_text(text)
    with pytest.raises(UnreadableVerdictError, match=f"{tmp_path}/verdict.json: "):
        read_previous_days(verdict)
