"""Days of a daily log, and the windows of them that a run reads."""
