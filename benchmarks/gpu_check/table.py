"""The table of `gpu.py`: what was measured, the limits, and whether they hold; pure Python."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from modules.messages.text_table import aligned

Measured = dict[str, Any]

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
FULL = tuple(f"full softmax, {precision}" for precision in PRECISIONS[:2])
CHECKS = (*PRECISIONS, *FULL, "steps", "fit", "replicas")
"""Names of the measurements; the first ones are of trainings."""
OPS = ("CudnnRNN", "CudnnRNNBackprop")

# Units of rounding: 2^-24 of float32, 2^-11 of TensorFloat-32 and float16, 2^-8 of bfloat16. The
# tolerance of vectors and loss is 4 units, that of gradients 16, about 5 times what mixed precision
# on the CPU differs by; that of float32 is wider, as long sums are added up in another order.
_HALF, _BRAIN = 2.0**-11, 2.0**-8
TOLERANCES = {
    "float32": {"queries": 1e-5, "loss": 1e-5, "gradients": 1e-4},
    "float32 with TensorFloat-32": {
        "queries": 4 * _HALF,
        "loss": 4 * _HALF,
        "gradients": 16 * _HALF,
    },
    "mixed_bfloat16": {"queries": 4 * _BRAIN, "loss": 4 * _BRAIN, "gradients": 16 * _BRAIN},
    "mixed_float16": {"queries": 4 * _HALF, "loss": 4 * _HALF, "gradients": 16 * _HALF},
}
"""Largest relative errors of a step, by its name and by what is compared."""
REPLICAS_TOLERANCE = 1e-3
"""Largest relative difference of an epoch's loss on several GPUs."""
LOSS_TOLERANCE = 0.05
"""Largest relative difference of a training's last loss from that in float32."""
NOISE = {"recall": 0.01, "mrr": 0.006}
"""Largest difference of a whole fit's metrics: over four times the range of three seeds on the CPU,
which was .0022 and .0011."""


class Row(NamedTuple):
    """A line of the table.

    Attributes:
      check: name of the measurement.
      what: what was measured.
      found: the value.
      limit: what it must be, "" for nothing.
      passed: whether it is; None for values without a limit.
    """

    check: str
    what: str
    found: str
    limit: str = ""
    passed: bool | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        """The row in words."""
        verdict = {True: "ok", False: "FAILED", None: ""}[self.passed]
        return self.check, self.what, self.found, self.limit, verdict


def at_most(check: str, what: str, found: float, limit: float) -> Row:
    """Returns a row of a value that must not exceed a limit; NaN does."""
    return Row(check, what, f"{found:.2g}", f"<= {limit:.2g}", found <= limit)


def above_zero(check: str, what: str, found: float | None, form: str) -> Row:
    """Returns a row of a value that must be above 0; None is not."""
    return Row(check, what, "none" if found is None else format(found, form), "> 0", bool(found))


def training_rows(name: str, found: Measured) -> list[Row]:
    """Returns the rows of a training: its speed, and that cuDNN ran."""
    check, kernels = f"training, {name}", found["cudnn_rnn_ms"]
    rows = [Row(check, "targets/s", f"{found['targets_per_second']:,.0f}")]
    rows.append(
        above_zero(check, "share of the time that the GPU is busy", found["busy_share"], ".2f")
    )
    peak = found["peak_bytes"]
    rows.append(above_zero(check, "peak GPU memory, MiB", peak and peak / 2**20, ",.0f"))
    rows += [above_zero(check, f"{op} ops that ran", found["ops"][op], ",") for op in OPS]
    longest = max(kernels, key=kernels.get, default="none")
    what = f"their GPU time, ms (longest: {longest[:40]})"
    rows.append(above_zero(check, what, sum(kernels.values()), ",.1f"))
    return rows


def loss_rows(trainings: Mapping[str, Measured]) -> list[Row]:
    """Returns the rows that compare the last losses of trainings with those in float32."""
    rows = []
    for name, found in trainings.items():
        same = name.replace("mixed_bfloat16", "float32").replace("mixed_float16", "float32")
        if name != same and same in trainings:
            expected = trainings[same]["last_loss"]
            error = abs(found["last_loss"] - expected) / expected
            what = "loss, relative difference from float32"
            rows.append(at_most(f"training, {name}", what, error, LOSS_TOLERANCE))
    return rows


def step_rows(found: Mapping[str, Mapping[str, float]]) -> list[Row]:
    """Returns the rows of one step in each precision."""
    return [
        at_most(f"one step, {name}", f"{what}, relative error", found[name][what], limit)
        for name, limits in TOLERANCES.items()
        for what, limit in limits.items()
    ]


def replica_rows(found: Measured) -> list[Row]:
    """Returns the row of training on several devices."""
    pairs = zip(found["one"], found["several"], strict=True)
    errors = [abs(several - one) / abs(one) for one, several in pairs]
    worst = max(errors, key=lambda error: (math.isnan(error), error))
    what = f"loss on {found['devices']} devices, relative difference from one"
    return [at_most("replicas", what, worst, REPLICAS_TOLERANCE)]


def fit_rows(fits: Mapping[str, Measured]) -> list[Row]:
    """Returns the rows of whole fits by device; the first one is the reference."""
    reference, *_ = fits.values()
    rows = []
    for device, found in fits.items():
        check = f"whole fit, {device}"
        rows.append(Row(check, "seconds", f"{found['seconds']:.0f}"))
        for metric, limit in NOISE.items():
            value, difference = found[metric], abs(found[metric] - reference[metric])
            rows.append(
                Row(check, f"{metric}@20", f"{value:.4f}")
                if found is reference
                else Row(
                    check,
                    f"{metric}@20",
                    f"{value:.4f}",
                    f"{reference[metric]:.4f} +- {limit:g}",
                    math.isfinite(difference) and difference <= limit,
                )
            )
    return rows


def all_rows(measured: Mapping[tuple[str, int], Any]) -> list[Row]:
    """Returns all rows.

    Args:
      measured: what was measured, by name and number of GPUs; a text where a measurement failed.
    """
    found = {key: value for key, value in measured.items() if not isinstance(value, str)}
    trainings = {name: value for (name, _), value in found.items() if name in PRECISIONS + FULL}
    rows = [row for name, value in trainings.items() for row in training_rows(name, value)]
    rows += loss_rows(trainings)
    for (name, _), value in found.items():
        rows += step_rows(value) if name == "steps" else []
        rows += replica_rows(value) if name == "replicas" else []
    fits = {device_name(number): value for (name, number), value in found.items() if name == "fit"}
    rows += fit_rows(fits) if fits else []
    failed = {key: value for key, value in measured.items() if isinstance(value, str)}
    for (name, number), message in failed.items():
        rows.append(Row(f"{name}, {device_name(number)}", message[:70], "none", "a result", False))
    return rows


def table(rows: Sequence[Row]) -> list[str]:
    """Returns the lines of the table."""
    head = ("check", "what", "found", "limit", "")
    return aligned([head, *(row.cells for row in rows)], left=(0, 1, 3, 4))


def device_name(number: int) -> str:
    """Returns the name of a number of GPUs; 0 is the CPU."""
    return ("CPU", "GPU")[number] if number < 2 else f"{number} GPUs"
