"""The check: what was looked at, the verdict, and why; nodes write their checks in this form."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

PASSED, WARNING, FAILED, SKIPPED = "passed", "warning", "failed", "skipped"


@dataclasses.dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
      name: a metric, an option that holds a limit, or what else was looked at.
      verdict: `passed`, `warning`, `failed` or `skipped`.
      reason: the finding as a sentence.
    """

    name: str
    verdict: str
    reason: str

    @property
    def passed(self) -> bool:
        """Whether the check stops nothing: only a failed one does."""
        return self.verdict != FAILED

    def as_json(self) -> dict[str, Any]:
        """Returns the check as JSON can hold it."""
        return {**dataclasses.asdict(self), "passed": self.passed}


def outcome(passed: bool) -> str:
    """Returns the verdict of a check that passes or fails."""
    return PASSED if passed else FAILED


def refusals(checks: Iterable[Mapping[str, Any]]) -> list[str]:
    """Returns a line for each failed check.

    Args:
      checks: in the form of `Check.as_json`.

    >>> refusals([Check("form", FAILED, "2 answers, not sorted").as_json()])
    ['form: 2 answers, not sorted']
    """
    return [f"{check['name']}: {check['reason']}" for check in checks if not check["passed"]]
