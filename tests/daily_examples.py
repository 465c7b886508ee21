"""Examples artifacts of windows of days, as SessionExampleGen leaves them."""

import json

from tfx.types import Artifact, standard_artifacts

from modules.daily.artifacts import SPAN
from modules.daily.days import DAYS

DAY_MS = 86_400_000


def examples_of(span: int | None) -> Artifact:
    """Returns examples that evaluate a span; of no window for None."""
    examples = standard_artifacts.Examples()
    if span is not None:
        examples.set_int_custom_property(SPAN, span)
        examples.set_int_custom_property("test.first_start", span * DAY_MS)
        examples.set_string_custom_property(DAYS, json.dumps({str(span - 1): 1, str(span): 1}))
    return examples
