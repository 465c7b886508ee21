"""Examples artifacts of windows of days, as SessionExampleGen leaves them."""

import json

from tfx.types import Artifact, standard_artifacts

from modules.daily.artifacts import SPAN
from modules.daily.days import DAYS, day_number

DAY_MS = 86_400_000


def examples_of(span: int | None) -> Artifact:
    """Returns examples that evaluate a span; of no window for None."""
    if span is None:
        return standard_artifacts.Examples()
    return examples_of_days(str(span - 1), str(span))


def examples_of_days(*days: str) -> Artifact:
    """Returns examples of a window of days, the evaluated one last."""
    examples = standard_artifacts.Examples()
    span = day_number(days[-1])
    examples.set_int_custom_property(SPAN, span)
    examples.set_int_custom_property("test.first_start", span * DAY_MS)
    examples.set_string_custom_property(DAYS, json.dumps(dict.fromkeys(days, 1)))
    return examples
