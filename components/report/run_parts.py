"""Makes the page's parts from a run's artifacts, or says why one cannot be made."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Callable, Mapping
from typing import Any

from absl import logging
from tfx import types
from tfx.dsl.io import fileio

from components.report import charts, curves, lineage, sources, tables
from components.report.page import card_html
from components.report.session_facts import SplitFacts
from modules.data.vocabulary import Vocabulary
from modules.gate import checks, model_card
from modules.gate.report_files import DATA_REPORT, SERVING_REPORT
from modules.training.library_versions import versions

_NO_INPUT = "the run has no such artifact"


class RunParts:
    """What the page shows of a run.

    Attributes:
      parts: values for the template, by name.
      missing: why a part is not there, by name.
    """

    def __init__(
        self, inputs: Mapping[str, types.Artifact], config: Mapping[str, Any], code_digest: str
    ) -> None:
        """Sets what there is to read.

        Args:
          inputs: artifacts by input name; any may be missing.
          config: the run's configuration as plain values; may be empty.
          code_digest: of the code that made what is shown.
        """
        self._inputs, self._config, self._code_digest = inputs, config, code_digest
        self.parts: dict[str, Any] = {}
        self.missing: dict[str, str] = {}

    def gather(self) -> None:
        """Makes all parts."""
        now = datetime.datetime.now(datetime.timezone.utc)
        self.parts["made"] = now.strftime("%Y-%m-%d %H:%M UTC")
        self.parts["name"] = self._config.get("name", "pipeline")
        self.parts["split"] = self._config.get("evaluation", {}).get("split", "test")
        self._judgement()
        self._training()
        self._data()
        self._add("config", tables.flat_options, self._config or None)
        self._add("lineage", lineage.artifact_rows, self._inputs)
        self._add("fingerprints", lineage.fingerprints, self._inputs, self._code_digest)
        self._add("versions", lambda: list(versions().items()))

    def _add(self, name: str, make: Callable[..., Any], *arguments: Any) -> Any:
        """Makes a part of arguments that are all there, else notes why there is none."""
        if any(argument is None for argument in arguments):
            self.missing[name] = _NO_INPUT
            return None
        try:
            self.parts[name] = make(*arguments)
        except Exception as error:  # A run that is judged must not fail for its page.
            logging.exception("The report's part %s", name)
            first = next(iter(str(error).splitlines()), "")
            self.missing[name] = f"it could not be made: {type(error).__name__}: {first[:300]}"
        return self.parts.get(name)

    def _file(self, input_name: str, *path: str) -> str | None:
        artifact = self._inputs.get(input_name)
        return os.path.join(artifact.uri, *path) if artifact else None

    def _judgement(self) -> None:
        found = self._add("verdict", read_json, self._file("verdict", checks.FILE_NAME))
        self._add("metric_charts", metric_charts, found)
        self._add("metric_groups", lambda value: tables.metric_groups(value["metrics"]), found)
        self._add("heat_tables", lambda value: tables.heat_tables(value["slices"]), found)
        beyond = found.get("beyond_accuracy") if found else None
        self._add("beyond_table", tables.beyond_accuracy_table, beyond)
        self._add("card", _read_card, self._file("verdict", model_card.FILE_NAME))
        self._add("serving", read_json, self._file("serving_report", SERVING_REPORT))

    def _training(self) -> None:
        found = self._add("curves", curves.read_curves, self._file("model_run"))
        panels = curves.panels(found) if found else None
        if not panels:
            self.missing.setdefault("curves", "no fit wrote any")
            return
        self._add("curve_charts", curve_charts, panels)
        self._add("all_curves_chart", charts.curves, "curves", panels)

    def _data(self) -> None:
        examples = self._inputs.get("examples")
        self._add("counts", sources.data_counts, examples)
        self._add("anomalies", read_json, self._file("data_report", DATA_REPORT))
        vocabulary: Vocabulary | None = self._add(
            "vocabulary",
            sources.vocabulary,
            self._inputs.get("transform_graph"),
            self._config.get("features"),
        )
        facts = self._add("facts", sources.read_facts, examples, vocabulary)
        self._add("lengths_chart", _lengths_chart, facts)
        self._add("unknown_rates", tables.unknown_rates, facts)
        if vocabulary is not None:
            size = vocabulary.catalogue_size
            self._add("popularity_chart", charts.popularity, "popularity", vocabulary.counts, size)
            self._add("vocabulary_facts", tables.vocabulary_facts, vocabulary.counts, size)
        judged = (facts or {}).get(self.parts["split"])
        self._add(
            "examples",
            lambda model, split, words: sources.answered(
                model, split, words, self._inputs.get("verdict")
            ),
            self._inputs.get("model"),
            judged,
            vocabulary,
        )


def read_json(path: str) -> Any:
    """Reads a JSON file."""
    with fileio.open(path, "rb") as file:
        return json.loads(file.read())


def _read_card(path: str) -> Any:
    with fileio.open(path, "rb") as file:
        return card_html(file.read().decode("utf-8"))


def metric_charts(found: Mapping[str, Any]) -> list[str]:
    """Draws a chart per metric that is shown: this model, the last blessed one, the baselines."""
    drawn = []
    for place, metric in enumerate(tables.SHOWN_METRICS):
        rows = [
            charts.Bar(
                tables.label(column), figure["value"], figure["interval"], tables.colour(column)
            )
            for column, figures in found["headlines"].items()
            if (figure := figures.get(metric)) and figure["value"] is not None
        ]
        if rows:
            rows.sort(key=lambda bar: (tables.rank_of(bar.colour), -bar.value))
            drawn.append(charts.bars(f"metric{place}", metric, rows))
    return drawn


def curve_charts(panels: list[charts.Panel]) -> list[str]:
    """Draws a chart per panel, so that a page can put them side by side or not."""
    return [charts.curves(f"curve{place}", [panel]) for place, panel in enumerate(panels)]


def _lengths_chart(facts: Mapping[str, SplitFacts]) -> str:
    found = {split: part.lengths for split, part in facts.items() if part.sessions}
    return charts.session_lengths("lengths", found)
