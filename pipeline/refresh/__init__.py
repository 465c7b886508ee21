"""Refreshes of pushed models: by clicks, once or again and again."""
