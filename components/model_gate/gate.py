"""Evaluates the candidate and decides whether to bless it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from tfx import types
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.model_gate.previous_verdict import UnreadableVerdictError, read_previous_days
from modules.array_types import IntArray
from modules.config.options.evaluation import EvaluationOptions
from modules.config.options.model_gate import ModelGateOptions
from modules.daily.artifacts import evaluated_day, evaluated_span
from modules.daily.days import day_number
from modules.daily.model_day import is_earlier
from modules.evaluation.beyond_accuracy import K, RecommendationStats, sampled
from modules.evaluation.item_history import ItemHistory, item_history
from modules.evaluation.rank_table import (
    CANDIDATE,
    FILE_NAME,
    LAST_BLESSED,
    RankTable,
    empty_table,
    from_parquet,
)
from modules.evaluation.slice_names import slice_names
from modules.evaluation.tfma_results import read_evaluation
from modules.files.model_folder import folder_digest
from modules.gate import verdict
from modules.gate.agreement_checks import (
    STEPS_AGREE,
    agreement_check,
    finite_check,
    items_check,
    steps_check,
)
from modules.gate.check_record import FAILED, SKIPPED
from modules.gate.day_records import DayRecord, by_key, days_before, with_day
from modules.gate.known_metrics import slice_bounds
from modules.gate.learned_overlap import learned_evaluation
from modules.gate.limit_checks import limit_checks
from modules.gate.metric_checks import (
    AGREEMENT,
    CHANGE,
    MODEL,
    MetricCheck,
    is_blessed,
    left_out_model,
    lost_model,
)
from modules.gate.model_ranks import Model, UnusableModelError, prefixes, rank_targets
from modules.gate.pooled_checks import with_pooled_checks
from modules.releases.versions import PUSHED_VERSION
from modules.sessions.examples import SESSIONS_PER_BATCH, SessionBatch, read_batches

_TRAINING_SESSIONS_PER_BATCH = 4_096


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Artifacts that the gate reads; `model` is the candidate."""

    examples: types.Artifact
    evaluation: types.Artifact
    model: types.Artifact
    baseline_ranks: types.Artifact | None
    last_blessed: types.Artifact | None
    previous_verdict: types.Artifact | None = None


class Gate:
    """The decision about one candidate."""

    def __init__(
        self,
        inputs: Inputs,
        options: ModelGateOptions,
        evaluation: EvaluationOptions,
        fit_splits: list[str],
    ) -> None:
        """Takes the inputs and options; the model learned from `fit_splits`."""
        self._inputs, self._options, self._evaluation = inputs, options, evaluation
        self._fit_splits = fit_splits
        self._bounds = slice_bounds(evaluation, options)
        self._checks: list[MetricCheck] = []
        self._candidate: dict[str, Any] = _named(inputs.model)
        self._last_blessed: dict[str, Any] = {"status": "none"}
        self._against: int | None = None

    def decide(self) -> tuple[RankTable, dict[str, Any]]:
        """Returns the rank table and the content of `verdict.json`."""
        history = self._history()
        stats = RecommendationStats(history, slice_names(self._bounds))
        try:
            model = Model(self._inputs.model)
            self._candidate |= _learned(model)
            table = self._rank_candidate(model, history)
            self._recommend(model, stats, table)
        except UnusableModelError as error:
            reason = f"the candidate {error}"
            self._checks.append(MetricCheck(CANDIDATE, FAILED, reason, MODEL))
            table = empty_table([CANDIDATE])
        else:
            table = self._add_baselines(self._add_last_blessed(table, model, history))
        comparison = verdict.Comparison(table, self._options, self._bounds)
        checks = list(comparison.checks())
        today, days = self._day(comparison, checks), self._previous_days()
        if today and self._options.pooled_days > 1:
            earlier = days_before(days, today, self._options.pooled_days - 1)
            checks = with_pooled_checks(checks, today, earlier, self._options)
        self._checks += [*checks, *limit_checks(stats, self._options)]
        if today:
            today = dataclasses.replace(today, blessed=is_blessed(self._checks))
            days = with_day(days, today, self._options.pooled_days)
        content = verdict.content(
            comparison,
            self._checks,
            self._options,
            split=self._evaluation.split,
            judged=verdict.evaluated(table, self._start_times),
            candidate=self._candidate,
            last_blessed=self._last_blessed,
            training_data=verdict.training_data(history, self._fit_splits),
            beyond_accuracy=stats.metrics(
                self._options.resamples,
                self._options.seed,
                self._options.confidence,
                self._options.coverage_prefixes,
            ),
            days=[day.as_json() for day in days],
        )
        return table, content

    def _sessions(
        self, split: str | None = None, batch_size: int = SESSIONS_PER_BATCH
    ) -> Iterator[SessionBatch]:
        """Reads a split, by default the evaluation split."""
        split = split or self._evaluation.split
        folder = artifact_utils.get_split_uri([self._inputs.examples], split)
        return read_batches(folder, batch_size)

    @cached_property
    def _start_times(self) -> IntArray:
        """Starts of the evaluated sessions, ms, int64 `[sessions]`."""
        starts = [batch.start_times for batch in self._sessions()]
        return np.concatenate([np.zeros(0, np.int64), *starts])

    def _history(self) -> ItemHistory:
        batches = (
            batch
            for split in self._fit_splits
            for batch in self._sessions(split, _TRAINING_SESSIONS_PER_BATCH)
        )
        return item_history((batch.items, batch.times) for batch in batches)

    def _rank_candidate(self, model: Model, history: ItemHistory) -> RankTable:
        table = rank_targets(model, self._sessions(), history, CANDIDATE)
        metrics = read_evaluation(self._inputs.evaluation.uri).metrics
        self._checks.append(agreement_check(table, metrics))
        known = model.known_items()
        self._checks.append(items_check(history.positions, known, self._fit_splits))
        return table

    def _recommend(self, model: Model, stats: RecommendationStats, table: RankTable) -> None:
        """Calls the candidate with the prefixes of a sample of sessions."""
        options = self._options
        share = options.max_prefixes / max(len(table.known), 1)
        slices = np.array([table.in_slice(name, self._bounds) for name in stats.slices])
        chosen = prefixes(
            self._sessions(), lambda ids: sampled(ids, share, options.seed), stats.items
        )
        for batch in chosen:
            item_ids, scores = model.recommend(batch.items, K)
            in_slices = slices[:, table.rows(batch.session_id, batch.step)]
            stats.add(batch.session, batch.items, batch.target, item_ids, scores, in_slices)
        self._checks.append(finite_check(stats.not_finite, stats.prefixes))

    def _add_last_blessed(
        self, table: RankTable, candidate: Model, history: ItemHistory
    ) -> RankTable:
        """Adds the last blessed model's ranks; a check says so if it cannot be used."""
        artifact = self._inputs.last_blessed
        if artifact is None:
            return table
        self._last_blessed = {**_named(artifact), "status": "compared"}
        named = f"the last blessed model (id {artifact.id}, {artifact.uri})"
        if _is_same_model(artifact, self._inputs.model):
            # Equal files rank equally: there is no need to evaluate them again.
            self._last_blessed["status"] = "identical"
            ranks = {**table.ranks, LAST_BLESSED: table.ranks[CANDIDATE]}
            of_known = {**table.known_ranks, LAST_BLESSED: table.known_ranks[CANDIDATE]}
            return dataclasses.replace(
                table, ranks=ranks, known_ranks=of_known, last_blessed_known=table.known
            )
        try:
            model = Model(artifact)
            self._against = day_number(day) if (day := model.day()) else None
            self._last_blessed |= _learned(model)
            reason = learned_evaluation(self._start_times, candidate.learned(), model.learned())
            if reason and not self._is_not_of_a_later_day(model):
                self._last_blessed |= {"status": "left out", "message": reason}
                self._checks.append(left_out_model(LAST_BLESSED, f"{named} {reason}"))
                return table
            other = rank_targets(model, self._sessions(), history, LAST_BLESSED)
            return dataclasses.replace(table.joined(other), last_blessed_known=other.known)
        except (UnusableModelError, ValueError) as error:
            self._last_blessed |= {"status": "unusable", "message": str(error)}
            required = self._options.require_last_blessed
            self._checks.append(lost_model(LAST_BLESSED, f"{named} {error}", required))
            return table

    def _day(
        self, comparison: verdict.Comparison, checks: Sequence[MetricCheck]
    ) -> DayRecord | None:
        """Returns the record of the evaluated day, not blessed yet; None without sessions."""
        if not len(self._start_times):
            return None
        differences = comparison.differences(checks)
        if self._last_blessed["status"] == "identical":
            differences = [found for found in differences if found.kind != CHANGE]
        first, last = int(self._start_times.min()), int(self._start_times.max())
        is_day = self._evaluation.split == "test"
        span = evaluated_span(self._inputs.examples) if is_day else None
        return DayRecord(first, last, False, by_key(differences), span, self._against)

    def _is_not_of_a_later_day(self, model: Model) -> bool:
        """Returns whether a model is of the evaluated day or one before: it learned none of it.

        A session with a wrong clock may make the times of what it learned say that it did.
        """
        is_day = self._evaluation.split == "test"
        day = evaluated_day(self._inputs.examples) if is_day else None
        return is_earlier(day, model.day()) is False

    def _previous_days(self) -> list[DayRecord]:
        """Reads the days in the previous verdict; a check says so if it cannot be read."""
        artifact = self._inputs.previous_verdict
        if artifact is None:
            return []
        try:
            return read_previous_days(artifact)
        except UnreadableVerdictError as error:
            reason = f"the days before are not taken together with this one: {error}"
            self._checks.append(MetricCheck("days", SKIPPED, reason, MODEL))
            return []

    def _add_baselines(self, table: RankTable) -> RankTable:
        artifact = self._inputs.baseline_ranks
        if artifact is None:
            return table
        try:
            with fileio.open(os.path.join(artifact.uri, FILE_NAME), "rb") as file:
                baselines = from_parquet(file.read())
            joined = table.joined(baselines)
        except ValueError as error:
            reason = f"the baselines' ranks cannot be used: {error}"
            self._checks.append(MetricCheck(STEPS_AGREE, FAILED, reason, AGREEMENT))
            return table
        self._checks.append(steps_check(table, baselines))
        return joined


def _named(artifact: types.Artifact) -> dict[str, Any]:
    named = {"id": artifact.id, "uri": artifact.uri}
    if artifact.has_custom_property(PUSHED_VERSION):
        named["version"] = artifact.get_string_custom_property(PUSHED_VERSION)
    return named


def _learned(model: Model) -> dict[str, Any]:
    """Returns what a model learned, for the verdict; null without a record."""
    learned = model.learned()
    return {"learned": learned and learned.as_json()}


def _is_same_model(artifact: types.Artifact, other: types.Artifact) -> bool:
    folders = [path_utils.serving_model_path(each.uri) for each in (artifact, other)]
    if not all(fileio.exists(folder) for folder in folders):
        return False
    return folders[0] == folders[1] or folder_digest(folders[0]) == folder_digest(folders[1])
