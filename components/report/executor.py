"""Gathers what a run's nodes left and writes the page; whatever is missing, it ends well."""

from __future__ import annotations

import json
import os
from typing import Any

from absl import logging
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils

VERDICT = "verdict"
EXAMPLES = "examples"
DATA_REPORT = "data_report"
TRANSFORM_GRAPH = "transform_graph"
MODEL = "model"
MODEL_RUN = "model_run"
SERVING_REPORT = "serving_report"
PAGE = "page"
CONFIG = "config"
CODE_DIGEST = "code_digest"
PAGE_DIGEST = "page_digest"
FILE_NAME = "report.html"
CURVES_NAME = "training_curves.svg"


class Executor(base_executor.BaseExecutor):
    """Executor of Report."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the page."""
        self._log_startup(input_dict, output_dict, exec_properties)
        # Not at the top: compiling the pipeline draws no charts, and matplotlib takes its time.
        from components.report import page, svg
        from components.report.run_parts import RunParts

        inputs = {name: artifacts[0] for name, artifacts in input_dict.items() if artifacts}
        config = json.loads(exec_properties.get(CONFIG) or "{}")
        run = RunParts(inputs, config, exec_properties.get(CODE_DIGEST) or "")
        page.gather(run)
        for name, reason in run.missing.items():
            logging.warning("The report has no part %s: %s", name, reason)
        folder = artifact_utils.get_single_uri(output_dict[PAGE])
        _write(folder, FILE_NAME, page.render(run.parts, run.missing))
        curves = run.parts.get("all_curves_chart")
        if curves:
            _write(folder, CURVES_NAME, svg.standalone(curves))


def _write(folder: str, name: str, text: str) -> None:
    fileio.makedirs(folder)
    with fileio.open(os.path.join(folder, name), "wb") as file:
        file.write(text.encode("utf-8"))
