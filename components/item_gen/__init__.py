"""Reads the file of items, and writes them as one table."""
