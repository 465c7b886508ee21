"""Pushed versions: their numbers, and which of them are released."""
