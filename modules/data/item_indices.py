"""What numbers stand for items; neither TensorFlow nor Beam here.

An *item index* is what training and the query tower read: 0 is padding, 1 is out of vocabulary,
then come the items. Everything else uses *positions*, of the catalogue or of another list of items.
"""

from __future__ import annotations

from modules.sessions.item_ids import RESERVED_TOKENS

PADDING = 0
OUT_OF_VOCABULARY = 1
FIRST_ITEM = len(RESERVED_TOKENS)
"""Item index of the first, most frequent item; its position is 0."""
NO_ITEM = -1
"""Position of padding and of unknown items, in every list of items."""
