"""TFX's placeholders of file patterns; standard library only."""

from __future__ import annotations

import re

PLACEHOLDER = re.compile(r"\{(?P<name>SPAN|VERSION|YYYY|MM|DD)(?::(?P<width>\d+))?\}")
MOST_DIGITS = 19  # of the largest int64, which metadata can hold
