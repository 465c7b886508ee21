"""A check: its subject, verdict and reason; all nodes write their checks in this form."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

PASSED, WARNING, FAILED, SKIPPED = "passed", "warning", "failed", "skipped"


@dataclasses.dataclass(frozen=True)
class Check:
    """The result of one check.

    Attributes:
      name: the metric, the option that holds a limit, or other subject of the check.
      verdict: `passed`, `warning`, `failed` or `skipped`.
      reason: the finding as a sentence.
    """

    name: str
    verdict: str
    reason: str

    @property
    def passed(self) -> bool:
        """Whether the check allows the pipeline to continue: all but a failed one do."""
        return self.verdict != FAILED

    def as_json(self) -> dict[str, Any]:
        """Returns the check as plain values for JSON."""
        return {**dataclasses.asdict(self), "passed": self.passed}


def outcome(passed: bool) -> str:
    """Returns the verdict of a check that passes or fails."""
    return PASSED if passed else FAILED


def refusals(checks: Iterable[Mapping[str, Any]]) -> list[str]:
    """Returns a line for each failed check.

    Args:
      checks: checks in the form of `Check.as_json`.

    >>> refusals([Check("form", FAILED, "2 answers, not sorted").as_json()])
    ['form: 2 answers, not sorted']
    """
    return [f"{check['name']}: {check['reason']}" for check in checks if not check["passed"]]
