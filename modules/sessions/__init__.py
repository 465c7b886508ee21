"""From rows of click logs to sessions, and sessions in files."""
