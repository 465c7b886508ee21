"""The approximate index."""
