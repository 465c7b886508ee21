"""Counts of a run: merged on the workers, checked, and stored as properties of the artifact."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable

from modules.config.options.sessions import TIME_UNITS, SessionOptions
from modules.ingest.empty_splits import no_session_left
from modules.ingest.input_files import InputSplit
from modules.ingest.report import Reject, Report
from modules.sessions.row_checks import REJECT_REASONS
from modules.sessions.sessions import SessionDataError
from modules.sessions.splits import split_pairs
from modules.sessions.time_splits import CutRules

EXAMPLES_SHOWN = 5
_ERRORS_SHOWN = 1_000
OUTPUT_COUNTS = (
    *("rows_kept", "sessions", "items", "sessions_too_short", "rows_too_short", "sessions_capped"),
    *("rows_capped", "rows_repeated", "sessions_sampled_out", "rows_sampled_out"),
    *("first_start", "last_start", "sessions_before_1990", "sessions_in_future"),
    "sessions_beyond_fraction",
)
OTHER_TYPES = "rows_of_other_types"
# Of input splits whose sessions are cut from visitors.
VISITOR_COUNTS = (
    *("rows_of_large_visitors", "large_visitors", "rows_doubled", "rows_of_clock_outliers"),
    *("rows_of_bots", "bots", "rows_of_bots_by_minute", "bots_by_minute", OTHER_TYPES),
    "rows_of_other_days",
)


def merge_reports(reports: Iterable[Report]) -> Report:
    """Adds counts, and keeps each split's first rejects and the first errors."""
    counts: Counter[str] = Counter()
    rejects: list[Reject] = []
    errors: set[str] = set()
    for report in reports:
        counts.update(report.counts)
        rejects = _first_rejects([*rejects, *report.rejects])
        errors.update(report.errors)
    return Report(dict(counts), rejects, sorted(errors)[:_ERRORS_SHOWN])


def _first_rejects(rejects: Iterable[Reject]) -> list[Reject]:
    """Returns the first few rejects of each split, by file and offset."""
    by_split = itertools.groupby(sorted(rejects), key=lambda reject: reject.split)
    return [one.cut() for _, some in by_split for one in itertools.islice(some, EXAMPLES_SHOWN)]


def check_report(
    report: Report,
    inputs: list[InputSplit],
    outputs: list[str],
    rules: CutRules,
) -> None:
    """Checks that the input is usable.

    Raises:
      SessionDataError: a file could not be read to its end, too many rows are bad, or a split has
        no session.
    """
    if report.errors:
        raise SessionDataError("\n".join(report.errors))
    for split in inputs:
        _check_rejects(report, split, rules.options)
    for name in outputs:
        if not report.counts.get(f"{name}.sessions"):
            raise SessionDataError(no_session_left(report.counts, name, inputs, rules))


def _check_rejects(report: Report, split: InputSplit, options: SessionOptions) -> None:
    read = report.counts.get(f"{split.name}.rows_read", 0)
    by_reason = {
        reason: report.counts.get(f"{split.name}.rows_rejected.{reason}", 0)
        for reason in REJECT_REASONS
    }
    bad = sum(by_reason.values())
    if bad <= options.max_reject_fraction * read:
        return
    reasons = ", ".join(f"{reason} {count}" for reason, count in by_reason.items() if count)
    lines = [
        f"Split {split.name!r}: {bad} of {read} rows in {split.names()} are bad "
        f"({bad / read:.2%}; {reasons}), more than {options.max_reject_fraction:.2%}.",
        "Correct the rows, or raise sessions.max_reject_fraction. The first of them:",
    ]
    lines += [
        f"  {reject.path} at {reject.counted} {reject.offset}: {reject.reason}: {reject.quoted()}"
        for reject in report.rejects
        if reject.split == split.name
    ]
    lines += [
        f"{reason}: {REJECT_REASONS[reason]}"
        for reason, count in by_reason.items()
        if count and REJECT_REASONS[reason]
    ]
    if by_reason["time"]:
        lines.append(_time_hint(options))
    raise SessionDataError("\n".join(lines))


def _time_hint(options: SessionOptions) -> str:
    return (
        f"time: Write times in column {options.time_column!r} as ISO 8601, such as 2014-07-04 or "
        "2014-07-04T10:51:09Z (not 04/07/2014, April or July?), or as numbers since 1970. They are "
        f"read as sessions.time_unit = {options.time_unit}, one of {', '.join(TIME_UNITS)}."
    )


def artifact_properties(
    counts: dict[str, int],
    inputs: list[InputSplit],
    outputs: list[str],
    options: SessionOptions = SessionOptions(),  # noqa: B008 (frozen)
) -> dict[str, int]:
    """Returns all counts that the artifact carries, zeros included."""
    files = {f"{split.name}.files": len(split.files) for split in inputs}
    read = [split.name for split in inputs]
    names = [f"{split}.{count}" for split in read for count in ("rows_read", "distinct_starts")]
    names += [f"{split}.rows_rejected.{reason}" for split in read for reason in REJECT_REASONS]
    if options.forget_file is not None:
        names += [f"{split}.rows_forgotten" for split in read]
    if options.min_item_support > 1:
        names += ["train.rare_items", "train.rows_of_rare_items"]
    if options.visitor_column is not None:
        names += [f"{split}.{count}" for split in read for count in VISITOR_COUNTS]
    elif options.event_types is not None:
        names += [f"{split}.{OTHER_TYPES}" for split in read]
    names += [f"{split}.{count}" for split in outputs for count in OUTPUT_COUNTS]
    if options.event_weights:
        names += [f"{split}.events_weighted" for split in outputs]
    if options.visitor_column is None:
        names += [f"{split}.sessions_with_pause" for split in outputs]
    names += [f"{late}.sessions_before_end_of.{early}" for early, late in split_pairs(outputs)]
    for early, late in split_pairs(read):
        names += [f"{late}.sessions_also_in.{early}", f"{late}.sessions_copied_from.{early}"]
    return {**files, **{name: counts.get(name, 0) for name in names}}
