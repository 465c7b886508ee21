"""Names of a session's features in tf.Examples; whoever needs no more need not load TensorFlow.

The SavedModels' signatures name their inputs and outputs apart from these: what was pushed stays.
"""

from __future__ import annotations

SESSION_ID = "session_id"
ITEM_IDS = "item_ids"
EVENT_TIMES = "event_times"
START_TIME = "start_time"
