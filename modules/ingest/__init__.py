"""The Beam graph from click logs to sessions, its files and its counts."""
