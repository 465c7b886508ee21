"""The training curves: TensorBoard's event files of each training run, from a ModelRun."""

from __future__ import annotations

import os
from collections.abc import Mapping

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util
from tfx.dsl.io import fileio
from tfx.utils import path_constants

from components.report import charts
from components.report.charts import Panel
from components.report.drawing import LINES, Line
from components.report.run_parts import RunParts, Section
from modules.training.selection_record import read_selection
from modules.training.selection_text import describe_selection

# Training run -> tag -> values by epoch.
Curves = Mapping[str, Mapping[str, list[float]]]

# TensorBoard keeps a sample of long series; 0 keeps all.
_ALL = {"tensors": 0, "scalars": 0}
_EPOCH = "epoch_"
_FITS = ("choose", "refit")
_LOSS, _TARGETS_PER_SECOND = "mean_loss", "targets_per_second"


def add_parts(run: RunParts) -> None:
    """Adds the training curves, as a chart each and all in one."""
    run.add("selection", _selection, run.path("model", path_constants.SERVING_MODEL_DIR))
    found = run.add("curves", read_curves, run.path("model_run"))
    drawn = panels(found) if found else None
    if not drawn:
        run.missing.setdefault("curves", "no training run wrote any")
        return
    run.add("curve_charts", curve_charts, drawn)
    run.add("all_curves_chart", charts.curves, "curves", drawn)


def _selection(model: str) -> str:
    """Says what was selected on `eval`, and when; raises ValueError if a model has no record."""
    return describe_selection(read_selection(model) or {})


def read_curves(uri: str) -> Curves:
    """Reads what each training run wrote at the end of its epochs.

    Args:
      uri: folder of the ModelRun: a folder per training run, with `train` and `validation` in it.
    """
    found: dict[str, dict[str, list[float]]] = {}
    for folder, _, files in fileio.walk(uri):
        if any("tfevents" in file for file in files):
            fit = os.path.relpath(folder, uri).split(os.sep)[0]
            found.setdefault(fit, {}).update(_read_folder(folder))
    return dict(sorted(found.items(), key=lambda item: (item[0] not in _FITS, item[0])))


def _read_folder(folder: str) -> dict[str, list[float]]:
    events = EventAccumulator(folder, size_guidance=_ALL)
    events.Reload()
    curves = {}
    for tag in events.Tags()["tensors"]:
        if tag.startswith(_EPOCH):
            # A resumed training run has two files; the later value of an epoch counts.
            values = {
                event.step: float(tensor_util.make_ndarray(event.tensor_proto))
                for event in events.Tensors(tag)
            }
            curves[tag.removeprefix(_EPOCH)] = [values[step] for step in sorted(values)]
    return curves


def panels(curves: Curves) -> list[Panel]:
    """Returns what is drawn: loss, metrics on split eval, speed."""
    measured = sorted({tag for tags in curves.values() for tag in tags if "@" in tag}, reverse=True)
    titles = {
        _LOSS: "mean loss",
        **{tag: f"{tag} on eval" for tag in measured},
        _TARGETS_PER_SECOND: "targets per second",
    }
    found = [
        Panel(title, [_line(curves, fit, tag) for fit in curves if tag in curves[fit]])
        for tag, title in titles.items()
    ]
    return [panel for panel in found if panel.lines]


def _line(curves: Curves, fit: str, tag: str) -> Line:
    values = curves[fit][tag]
    look = LINES[list(curves).index(fit) % len(LINES)]
    return Line(fit, list(range(1, len(values) + 1)), values, *look)


def curve_charts(panels: list[Panel]) -> list[str]:
    """Draws a chart per panel, so that a page can put them side by side or not."""
    return [charts.curves(f"curve{place}", [panel]) for place, panel in enumerate(panels)]


SECTION = Section(
    "training",
    "Training",
    add_parts,
    """\
{% block body %}
{% if parts.selection %}<p class="note">{{ parts.selection }}.</p>{% endif %}
{% if parts.curve_charts %}
<p class="note"><em>choose</em> is the training run on train that selects the number of epochs on
eval; <em>refit</em> trains on both for that many epochs.</p>
{{ figures(parts.curve_charts) }}
{% else %}{{ missing_part("curves", "training curves") }}{% endif %}
{% endblock %}
""",
)
