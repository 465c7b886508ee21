"""Names of files that nodes write and others read."""

from __future__ import annotations

DATA_REPORT = "report.json"
"""What DataGate found."""
SERVING_REPORT = "report.json"
"""What ServingValidator found."""
INDEX_VERDICT = "verdict.json"
"""What IndexBuilder found."""
