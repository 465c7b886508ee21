"""Names of a session's features in tf.Examples; loads no TensorFlow.

SavedModel signatures have names of their own, so that pushed models stay valid.
"""

from __future__ import annotations

SESSION_ID = "session_id"
ITEM_IDS = "item_ids"
EVENT_TIMES = "event_times"
START_TIME = "start_time"
EVENT_WEIGHTS = "event_weights"

WEIGHTED = "weighted"
"""Key of a node's custom configuration, there if events have weights."""
