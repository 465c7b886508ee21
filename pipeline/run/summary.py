"""The summary of a run, gathered from metadata and artifacts.

Keys are stable and documented in `docs/summary.md`.
"""

from __future__ import annotations

import itertools
import json
import os
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfx.utils import path_utils

from components.report.node import FILE_NAME as REPORT_PAGE
from modules.copies.restricted_model import read_restriction
from modules.daily.days import DAYS
from modules.data.vocabulary import VOCABULARY_NAME, read_vocabulary
from modules.evaluation.tfma_results import EvaluationRecord, read_evaluation
from modules.sessions.examples import read_sessions
from modules.training.library_versions import versions
from modules.training.selection_record import read_selection
from pipeline.config import Config
from pipeline.paths import Paths
from pipeline.run.gate_results import (
    data_checks,
    data_warnings,
    index_check,
    model_verdict,
    serving_check,
)
from pipeline.run.mlmd import RunRecord, read_run
from pipeline.run.output_state import disk_bytes, served_model
from pipeline.run.run_folders import utc_time
from pipeline.run.summary_file import FORMAT, read_summary
from pipeline.stages import INDEX_PUSHER_ID
from serving import pushed_models

_DROPPED = ("too_short", "capped", "repeated", "sampled_out")
# Only where options make them possible.
_DROPPED_BY_OPTION = (
    *("doubled", "of_clock_outliers", "of_bots", "of_large_visitors", "of_other_types"),
    *("of_bots_by_minute", "of_other_days", "of_rare_items", "forgotten"),
)
_EXAMPLES = 3
_EXAMPLE_ITEMS = 5
_LONGEST_EXAMPLE = 8


def summarize(
    config: Config, out: Path, node_seconds: Mapping[str, float], started: float
) -> dict[str, Any]:
    """Returns the summary of the run that has just finished.

    Args:
      config: configuration of the run.
      out: output folder of the run.
      node_seconds: wall time of each node.
      started: start of the whole run, in seconds since 1970.
    """
    paths = Paths.under(out)
    run = read_run(paths.metadata, config.name)
    summary = {
        "format": FORMAT,
        "pipeline": config.name,
        "run_id": run.run_id,
        "started": utc_time(started),
        "out": str(out),
        "window": _window(run),
        **_data(run),
        "data_checks": data_checks(run),
        "warnings": data_warnings(run),
        "catalogue": _catalogue(run, config),
        "choices": _selection(run),
        **_quality(_evaluation(run), config.evaluation.split),
        **model_verdict(run),
        "pushed_model": run.pushed_folder(),
        "not_pushed": run.not_pushed(),
        "pushed_by": run.pushed_by(),
        "offers": offers_of(run.pushed_folder()),
        "served_model": served_model(out),
        "serving_check": serving_check(run),
        "index": _index(run),
        "report": _report(run),
        "nodes": {"ran": run.ran(), "cached": run.cached()},
        "seed": config.trainer.seed,
        "versions": versions(),
        "recommendations": _recommendations(run, out, config.evaluation.split),
    }
    summary["disk_bytes"] = disk_bytes(out)
    # Last, so that reading artifacts and loading the model count too.
    seconds = {
        "total": round(time.time() - started, 3),
        "cpu": round(sum(os.times()[:4]), 3),  # of this process and those it has started
        "nodes": dict(node_seconds),
    }
    return {**summary, "seconds": seconds}


def offers_of(version: str | None) -> dict[str, Any] | None:
    """Returns how many items a pushed version recommends by a list; None if it follows none."""
    record = read_restriction(version) if version else None
    names = ("items", "catalogue", "offered", "gone", "back", "unknown")
    if record is None or record.get("items") is None:  # a refresh by clicks has none
        return None
    return {name: record.get(name) for name in names}


def data_counts(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Returns SessionExampleGen's counts, `{split}.rows_read` and so on, as parts of the summary.

    >>> counts = {"test.rows_read": 9, "test.rows_rejected.time": 1, "test.rows_kept": 7,
    ...           "test.sessions": 2, "test.items": 5, "test.rows_too_short": 1}
    >>> data_counts(counts)["rows"]["by_split"]["test"]["rejected"]
    {'time': 1}
    """
    splits: dict[str, dict[str, Any]] = {}
    for name, value in properties.items():
        split, dot, count = name.partition(".")
        if dot and isinstance(value, int):
            splits.setdefault(split, {})[count] = value
    order = [name for name in ("train", "eval", "test") if name in splits]
    by_split = {name: _split_rows(splits[name]) for name in order}
    rejected: Counter[str] = Counter()
    for rows in by_split.values():
        rejected.update(rows["rejected"])
    return {
        "rows": {
            "read": sum(rows["read"] or 0 for rows in by_split.values()),
            "kept": sum(rows["kept"] for rows in by_split.values()),
            "rejected": dict(rejected),
            "by_split": by_split,
        },
        "files": {name: splits[name].get("files") for name in order},
        "sessions": {name: splits[name].get("sessions", 0) for name in order},
        "split_counts": {name: _split_counts(splits[name]) for name in order},
        "items": {name: splits[name].get("items", 0) for name in order},
    }


def _split_rows(counts: Mapping[str, int]) -> dict[str, Any]:
    """Returns a split's rows; `read` is None for a split that was cut from another one."""
    prefix = "rows_rejected."
    by_option = [name for name in _DROPPED_BY_OPTION if f"rows_{name}" in counts]
    return {
        "read": counts.get("rows_read"),
        "kept": counts.get("rows_kept", 0),
        "rejected": {
            name.removeprefix(prefix): count
            for name, count in sorted(counts.items())
            if name.startswith(prefix)
        },
        "dropped": {name: counts.get(f"rows_{name}", 0) for name in (*_DROPPED, *by_option)},
    }


def _split_counts(counts: Mapping[str, int]) -> dict[str, int]:
    """Returns a split's time range, and its sessions that overlap with other splits."""
    prefixes = ("sessions_before_", "sessions_in_", "sessions_also_", "sessions_copied_")
    exact = ("first_start", "last_start", "sessions_beyond_fraction")
    names = (name for name in sorted(counts) if name in exact or name.startswith(prefixes))
    return {name: counts[name] for name in names}


def _data(run: RunRecord) -> dict[str, Any]:
    examples = run.output("examples")
    return data_counts(examples.properties if examples else {})


def _window(run: RunRecord) -> dict[str, Any] | None:
    """Returns the evaluated day and the bytes of all days' files; None without a window."""
    examples = run.output("examples")
    text = examples.properties.get(DAYS) if examples else None
    if not text:
        return None
    sizes = json.loads(text)
    return {"day": list(sizes)[-1], "bytes": sizes}


def _catalogue(run: RunRecord, config: Config) -> dict[str, int] | None:
    """Returns the numbers of items in the training data and of recommendable ones."""
    graph = run.output("transform_graph")
    if graph is None:
        return None
    file = os.path.join(graph.uri, "transform_fn", "assets", VOCABULARY_NAME)
    vocabulary = read_vocabulary(file, config.features)
    return {"known_items": len(vocabulary.item_ids), "items": vocabulary.catalogue_size}


def _selection(run: RunRecord) -> dict[str, Any] | None:
    """Returns what Trainer selected on split eval."""
    model = run.output_of("Trainer", "model")
    selected = read_selection(path_utils.serving_model_path(model.uri)) if model else None
    return dict(selected) if selected else None


def _evaluation(run: RunRecord) -> EvaluationRecord | None:
    artifact = run.output("evaluation")
    return read_evaluation(artifact.uri) if artifact else None


def _quality(evaluation: EvaluationRecord | None, split: str) -> dict[str, Any]:
    """Returns all metrics; empty mappings if no Evaluator ran."""
    if evaluation is None:
        return {"evaluated_split": None, "metrics": {}, "slices": {}}
    return {
        "evaluated_split": split,
        "metrics": dict(evaluation.metrics),
        "slices": {name: dict(part) for name, part in evaluation.slices.items()},
    }


def _index(run: RunRecord) -> dict[str, Any] | None:
    check = index_check(run)
    return {**check, "pushed": run.pushed_folder(INDEX_PUSHER_ID)} if check else None


def _report(run: RunRecord) -> str | None:
    page = run.output("page")
    return os.path.join(page.uri, REPORT_PAGE) if page else None


def _recommendations(run: RunRecord, out: Path, split: str) -> dict[str, Any] | None:
    """Calls the newest pushed model with sessions of the evaluated split; None if it is damaged.

    The answers of the previous run are kept while model and sessions are the same.
    """
    examples, folder = run.output("examples"), served_model(out)
    if examples is None or folder is None:
        return None
    model = Path(folder)
    known = read_summary(out).get("recommendations") or {}
    origin = {"model": str(model), "examples": examples.uri, "split": split}
    if origin.items() <= known.items():
        return dict(known)
    sessions = example_sessions(examples.uri, split)
    if not sessions:
        return None
    try:
        loaded = pushed_models.load_model(model)
    except pushed_models.NoModelError:  # It was reported before the nodes ran.
        return None
    answers = pushed_models.recommend(loaded, [items[:-1] for items in sessions], _EXAMPLE_ITEMS)
    return {
        **origin,
        "sessions": [
            {"items": items[:-1], "next": items[-1], "recommended": [r.item_id for r in answer]}
            for items, answer in zip(sessions, answers, strict=True)
        ],
    }


def example_sessions(examples: str, split: str) -> list[list[str]]:
    """Returns the item ids of the first short sessions of a split."""
    sessions = read_sessions(os.path.join(examples, f"Split-{split}"), errors="replace")
    readable = (items for items in sessions if 3 <= len(items) <= _LONGEST_EXAMPLE)
    return list(itertools.islice(readable, _EXAMPLES))
