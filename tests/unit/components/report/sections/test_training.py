"""Training curves."""

from __future__ import annotations

from components.report.sections import training

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
