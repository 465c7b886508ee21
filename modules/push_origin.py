"""By what a pushed version came to be, a property of Pusher's output."""

from __future__ import annotations

PUSHED_BY = "pushed_by"
THIS_RUN, AN_EARLIER_RUN, A_REFRESH = "this run", "an earlier run", "a refresh"
