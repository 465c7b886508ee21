"""The history as a table of plain text."""

from __future__ import annotations

from collections.abc import Sequence

from modules.evaluation.metric_names import headline_names
from modules.evaluation.rank_table import CANDIDATE, LAST_BLESSED
from modules.messages.text_table import aligned
from pipeline.history.columns import BASELINE, Row, metric_column
from pipeline.history.rows import BLESSED

METRICS = headline_names(["honest"], ["all"])
_SHOWN_REASON = 90


def format_rows(rows: Sequence[Row]) -> str:
    """Returns a line per run below a header, the newest last.

    >>> from pipeline.history.columns import full_row
    >>> row = {"day": "2015-09-11", "run": 1, "verdict": "failed", "reasons": ["Trainer: no disk"]}
    >>> print(format_rows([full_row(row)]).splitlines()[1].split(maxsplit=13)[:3])
    ['2015-09-11', '1', 'failed']
    """
    baselines = sorted({row[BASELINE] for row in rows if row[BASELINE]}) or [BASELINE]
    models = {CANDIDATE: "", BASELINE: "/".join(baselines), LAST_BLESSED: "last blessed"}
    header = ["Day", "run", "verdict"]
    for metric in METRICS:
        header += [metric.rpartition("/")[2], *list(models.values())[1:]]
    header += ["pushed", "served", "seconds", "why"]
    table = [header, *(_line(row) for row in rows)]
    left = (0, 2, len(header) - 4, len(header) - 3, len(header) - 1)
    note = f"Metrics: {METRICS[0].rpartition('/')[0]}, over all steps of the evaluated split."
    return "\n".join([*aligned(table, left), note])


def _line(row: Row) -> list[str]:
    values = [
        row[metric_column(model, metric)]
        for metric in METRICS
        for model in (CANDIDATE, BASELINE, LAST_BLESSED)
    ]
    return [
        row["day"],
        str(row["run"]),
        row["verdict"],
        *("-" if value is None else f"{value:.4f}" for value in values),
        row["pushed_version"] or "-",
        row["served_version"] or "-",
        "-" if row["seconds"] is None else f"{row['seconds']:.0f}",
        why(row),
    ]


def why(row: Row) -> str:
    """Returns why a run was refused, or failed, or pushed no model though it was blessed.

    Of a run that pushed a part of its catalogue, it says how large that is.
    """
    if row["verdict"] != BLESSED:
        return reason_in_short(row["reasons"])
    if row["not_pushed"]:
        return reason_in_short([f"not pushed: {row['not_pushed']}"])
    if row["offered_items"] is None:
        return ""
    return f"recommends {row['offered_items']:,} of {row['catalogue_items'] or 0:,} items"


def reason_in_short(reasons: Sequence[str]) -> str:
    """Returns the first line of the first reason, and how many more there are.

    >>> reason_in_short(["recall fell", "mrr fell"])
    'recall fell and 1 more'
    """
    if not reasons:
        return ""
    line = next(iter(reasons[0].splitlines()), "").rstrip(":")
    shown = line if len(line) <= _SHOWN_REASON else f"{line[: _SHOWN_REASON - 3].rstrip()}..."
    return shown + (f" and {len(reasons) - 1} more" if len(reasons) > 1 else "")
