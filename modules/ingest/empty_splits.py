"""Explains why a split has no session, and how to fix it."""

from __future__ import annotations

from collections.abc import Mapping

from modules.config.options.sessions import SessionOptions
from modules.ingest.input_files import InputSplit
from modules.sessions.event_times import utc_text
from modules.sessions.time_splits import CutRules

Counts = Mapping[str, int]


def no_session_left(counts: Counts, name: str, inputs: list[InputSplit], rules: CutRules) -> str:
    """Returns why output split `name` is empty, given the run's counts, input and rules."""
    options = rules.options
    by_name = {split.name: split for split in inputs}
    source = by_name.get(name, by_name.get("train", inputs[0]))
    cut_off = [split for split in ("eval", "test") if split not in by_name]
    is_cut = source.name == "train" and bool(cut_off)
    if is_cut and any(counts.get(f"{split}.sessions") for split in ("train", *cut_off)):
        wanted = cut_off if rules.cuts_test else ["eval"]
        return _not_divided(counts, name, source, wanted, rules)
    listed = ", ".join(
        f"{key} {count}"
        for key, count in sorted(counts.items())
        if count and key.split(".")[0] in (source.name, name)
    )
    needs = f"events with the same {options.session_column!r}"
    if options.visitor_column is not None:
        kept = options.event_types
        types = "" if kept is None else f" of type {', '.join(map(repr, kept))}"
        needs = (
            f"events{types} of one {options.visitor_column!r} without a pause of more than "
            f"gap_minutes = {options.gap_minutes:g}"
        )
    return (
        f"Split {name!r} has no session left. Read from {source.names()}: {listed or 'no row'}. "
        f"A session needs min_session_length = {options.min_session_length} {needs}."
        + _main_cause(counts, source.name, options)
        + _days_of(rules)
    )


def _main_cause(counts: Counts, source: str, options: SessionOptions) -> str:
    """Returns what to look at if one reason took most of the rows, "" if none did."""
    causes = {
        "rows_of_rare_items": (
            f"of items with fewer than min_item_support = {options.min_item_support} events: set "
            "less"
        ),
        "rows_of_other_types": (
            f"of types other than event_types: is {options.event_column!r} the column of the type, "
            "and are they written as in the log?"
        ),
        "rows_of_clock_outliers": (
            "from before 1990 or in the future: set time_unit to what the log has, or "
            "drop_clock_outliers=false"
        ),
    }
    read = counts.get(f"{source}.rows_read", 0)
    for name, text in causes.items():
        count = counts.get(f"{source}.{name}", 0)
        if 2 * count > read:
            return f" {count:,} of {read:,} rows are {text}."
    return ""


def _not_divided(
    counts: Counts,
    name: str,
    source: InputSplit,
    cut_off: list[str],
    rules: CutRules,
) -> str:
    """Returns why the sessions of the train files could not be split by time."""
    splits = ["train", *cut_off]
    sessions = sum(counts.get(f"{split}.sessions", 0) for split in splits)
    starts = counts.get("train.distinct_starts", 0)
    filled = [split for split in splits if counts.get(f"{split}.sessions")]
    first = min(counts.get(f"{split}.first_start", 0) for split in filled)
    last = max(counts.get(f"{split}.last_start", 0) for split in filled)
    if rules.period is not None and name != "eval":
        return (
            f"Split {name!r} has no session left: all of the {sessions:,} sessions in "
            f"{source.names()} start from {utc_text(first)} to {utc_text(last)}.{_days_of(rules)}"
        )
    files = [f"{split.upper()}=path (data.{split})" for split in cut_off]
    fixes = [f"give {' and '.join(files)}", "correct the times"]
    if starts > 1:
        # Train comes first: where it has sessions, the period of the empty split is too short.
        amount, sizes = ("less", cut_off) if name == "train" else ("more", [name])
        fixes.append(f"cut off {amount}: {_sizes(sizes, rules)}")
    lines = [
        f"Split {name!r} has no session left: {' and '.join(cut_off)} "
        f"{'are' if len(cut_off) > 1 else 'is'} cut from the end of train by start time, and of "
        f"its {sessions:,} sessions in {source.names()} nothing is left for {name}.",
        _times(starts, first, last, rules.options),
        f"How to fix it: {'; or '.join(fixes)}.",
    ]
    return "\n".join(lines)


def _days_of(rules: CutRules) -> str:
    """Returns which days the splits of a window are, "" without one."""
    if rules.period is None:
        return ""
    first, test, end = (utc_text(time)[:16] for time in rules.period)
    return (
        f" Sessions that start from {first} UTC on are of split train, from {test} to {end} of "
        "split test: is the date in a file's name that of its events, in UTC?"
    )


def _times(starts: int, first: int, last: int, options: SessionOptions) -> str:
    together = "sessions that start in the same millisecond stay together"
    if starts == 1:
        return (
            f"All of them start at the same time, {utc_text(first)}, and {together}: does column "
            f"{options.time_column!r} hold dates only, or rounded times such as 1.44E+12?"
        )
    return (
        f"They start at {starts:,} different times, from {utc_text(first)} to {utc_text(last)}; "
        f"{together}."
    )


def _sizes(cut_off: list[str], rules: CutRules) -> str:
    options, tail, period = rules
    sizes = []
    if "test" in cut_off and period is None:
        name = "test_days" if tail.test_days is not None else "test_fraction"
        sizes.append(f"data.{name} = {getattr(tail, name):g}")
    if "eval" in cut_off:
        name = "eval_hours" if options.eval_hours is not None else "eval_fraction"
        sizes.append(f"sessions.{name} = {getattr(options, name):g}")
    return ", ".join(sizes)
