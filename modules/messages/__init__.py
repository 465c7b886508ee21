"""Formatting of values and exit statuses in messages; only the standard library here."""
