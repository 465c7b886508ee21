"""The node that writes a run's page from the artifacts of its other nodes; it never fails."""

import json
import os

from absl import logging
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.types import standard_artifacts
from tfx.types.experimental import simple_artifacts

FILE_NAME = "report.html"
CURVES_NAME = "training_curves.svg"


@component
def Report(
    page: OutputArtifact[simple_artifacts.File],
    config: Parameter[str] = "{}",
    verdict: InputArtifact[simple_artifacts.Metrics] = None,
    examples: InputArtifact[standard_artifacts.Examples] = None,
    data_report: InputArtifact[simple_artifacts.Metrics] = None,
    transform_graph: InputArtifact[standard_artifacts.TransformGraph] = None,
    model: InputArtifact[standard_artifacts.Model] = None,
    model_run: InputArtifact[standard_artifacts.ModelRun] = None,
    serving_report: InputArtifact[simple_artifacts.Metrics] = None,
    items: InputArtifact[simple_artifacts.Dataset] = None,
    code_digest: Parameter[str] = "",
    page_digest: Parameter[str] = "",
) -> None:
    """Writes a run's page: verdict, metrics, data, configuration and lineage in one HTML file.

    All inputs are optional and none can make it fail: the page names what cannot be shown.

    Args:
      page: output; gets `report.html`, which needs no other file, and `training_curves.svg`.
      config: the run's configuration, as JSON.
      verdict: output of ModelGate.
      examples: as SessionExampleGen writes them.
      data_report: output `report` of DataGate.
      transform_graph: output of Transform; its vocabulary is shown.
      model: the candidate, called with example sessions.
      model_run: output of Trainer, with its summaries for TensorBoard.
      serving_report: output `report` of ServingValidator.
      items: output of ItemGen, whose names and categories are shown beside ids.
      code_digest: digest of the code behind the inputs; shown, and part of TFX's cache key.
      page_digest: digest of the page's templates and style, which are not Python code.
    """
    # Not at the top: compiling the pipeline draws no charts, and matplotlib is slow to import.
    from components.report import page as html
    from components.report import svg
    from components.report.run_parts import RunParts

    inputs = {
        "verdict": verdict,
        "examples": examples,
        "data_report": data_report,
        "transform_graph": transform_graph,
        "model": model,
        "model_run": model_run,
        "serving_report": serving_report,
        "items": items,
    }
    given = {name: artifact for name, artifact in inputs.items() if artifact is not None}
    run = RunParts(given, json.loads(config or "{}"), code_digest or "")
    html.gather(run)
    for name, reason in run.missing.items():
        logging.warning("The report has no part %s: %s", name, reason)
    _write(page.uri, FILE_NAME, html.render(run.parts, run.missing))
    curves = run.parts.get("all_curves_chart")
    if curves:
        _write(page.uri, CURVES_NAME, svg.standalone(curves))


def _write(folder: str, name: str, text: str) -> None:
    fileio.makedirs(folder)
    with fileio.open(os.path.join(folder, name), "wb") as file:
        file.write(text.encode("utf-8"))
