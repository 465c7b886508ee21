"""Beam's runners: presets of flags, checks before a run, the cause of a failed job."""
