"""The statistics of the last accepted data are found among all that there are."""

import pytest
from tfx.types import standard_artifacts
from tfx.types.experimental import simple_artifacts

from components.data_gate.latest_accepted import STATISTICS_ID, LatestAcceptedStatistics
from modules.daily.artifacts import SPAN
from tests.daily_examples import examples_of


def artifact_of(artifact_class, number, **properties):
    artifact = artifact_class()
    artifact.id = number
    for name, value in properties.items():
        artifact.set_int_custom_property(name, value)
    return artifact


def statistics_artifact(folder, number, exist=True):
    found = artifact_of(standard_artifacts.ExampleStatistics, number)
    found.uri = str(folder / str(number))
    if exist:
        (folder / str(number)).mkdir()
    return found


def _span(spans, statistics):
    return {SPAN: spans[statistics]} if spans and statistics in spans else {}


def resolve(folder, statistics, reports, gone=(), span=None, spans=None):
    inputs = {
        "examples": [examples_of(span)],
        "statistics": [statistics_artifact(folder, n, n not in gone) for n in statistics],
        "report": [
            artifact_of(simple_artifacts.Metrics, number, **{STATISTICS_ID: of}, **_span(spans, of))
            for number, of in reports
        ],
    }
    found = LatestAcceptedStatistics().resolve_artifacts(None, inputs)
    return [artifact.id for artifact in found["statistics"]]


@pytest.mark.parametrize(
    ("statistics", "reports", "expected"),
    [
        ([], [], []),
        ([1], [], []),
        ([1, 3], [(2, 1)], [1]),
        ([1, 3], [(4, 3), (2, 1)], [3]),
        ([1, 3], [(5, 1), (4, 3)], [1]),
        ([1], [(4, 3), (2, 1)], [1]),
    ],
)
def test_the_newest_report_says_which_statistics_were_accepted(
    tmp_path, statistics, reports, expected
):
    assert resolve(tmp_path, statistics, reports) == expected


@pytest.mark.parametrize(("gone", "expected"), [([3], [1]), ([1], [3]), ([1, 3], [])])
def test_deleted_statistics_are_skipped(tmp_path, gone, expected):
    assert resolve(tmp_path, [1, 3], [(4, 3), (2, 1)], gone) == expected


@pytest.mark.parametrize(("span", "expected"), [(15, [3]), (14, [7]), (13, [1]), (11, [])])
def test_in_a_window_the_day_before_is_compared(tmp_path, span, expected):
    """A run of a past day, or of one day twice, is not compared with later data or itself."""
    spans = {1: 11, 3: 14, 5: 13, 7: 13}
    reports = [(2, 1), (4, 3), (6, 5), (8, 7)]
    found = resolve(tmp_path, [1, 3, 5, 7], reports, span=span, spans=spans)
    assert found == expected


def test_data_of_no_window_are_compared_if_no_day_was_accepted(tmp_path):
    assert resolve(tmp_path, [1, 3], [(2, 1), (4, 3)], span=12, spans={3: 12}) == [1]
