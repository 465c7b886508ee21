"""The mark of an artifact that means "there is none"; imports nothing.

Some orchestrators give every output of a node exactly one artifact.
"""

from __future__ import annotations

from typing import Any

FOUND = "found"
"""Integer property of an artifact, 0 where there is none."""


def is_found(artifact: Any) -> bool:
    """Returns whether a TFX artifact is there: not None, and without a property that denies it."""
    if artifact is None:
        return False
    return not artifact.has_custom_property(FOUND) or bool(artifact.get_int_custom_property(FOUND))
