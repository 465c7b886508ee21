"""How many items an answer has; no TensorFlow here."""

from __future__ import annotations

TOP_K = 100
"""Items per session, best first, where a request has no `k`; fewer if the catalogue has fewer."""
