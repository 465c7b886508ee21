"""The item vocabulary, windows of sessions, and training batches."""
