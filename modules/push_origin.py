"""Properties of Pusher's output: by what a version came to be, or why there is none."""

from __future__ import annotations

PUSHED_BY = "pushed_by"
THIS_RUN, AN_EARLIER_RUN, A_REFRESH = "this run", "an earlier run", "a refresh"
NOT_PUSHED = "not_pushed"
"""Why a blessed model was not pushed, a sentence."""
