"""Training curves."""

from __future__ import annotations

from pathlib import Path

from tfx.types import standard_artifacts

from components.report.run_parts import RunParts
from components.report.sections import training
from modules.serving.score_adjustments import SessionAdjustments
from modules.training.score_adjustment_search import ScoreAdjustments
from modules.training.selection_record import Origin, Selection, write_selection

CURVES = {
    "choose": {"mean_loss": [3.0, 2.0, 1.5], "recall@20": [0.1, 0.3, 0.2]},
    "refit": {"mean_loss": [2.9, 1.9]},
}


def test_training_curves_have_a_panel_per_metric_and_a_line_per_training_run() -> None:
    panels = training.panels(CURVES)
    assert [panel.title for panel in panels] == ["mean loss", "recall@20 on eval"]
    assert [line.label for line in panels[0].lines] == ["choose", "refit"]
    assert panels[0].lines[1].x == [1, 2]
    assert training.panels({}) == []


def test_what_was_selected_is_shown_with_the_day_that_it_was_selected_on(tmp_path: Path) -> None:
    model = standard_artifacts.Model()
    model.uri = str(tmp_path)
    selection = Selection(14, ScoreAdjustments(SessionAdjustments(2.5, 6.0), 0.2), 0.4, 0.2)
    origin = Origin("options", False, 1442004589439)
    write_selection(str(tmp_path / "Format-Serving"), selection, origin)
    run = RunParts({"model": model}, {}, "digest")
    training.add_parts(run)
    assert run.parts["selection"].endswith("selected on data until 2015-09-11 20:49:49.439 UTC")


def test_a_model_of_a_former_version_has_a_page_without_it(tmp_path: Path) -> None:
    model = standard_artifacts.Model()
    model.uri = str(tmp_path)
    run = RunParts({"model": model}, {}, "digest")
    training.add_parts(run)
    assert "selection" not in run.parts
