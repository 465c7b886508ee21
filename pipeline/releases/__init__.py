"""Releases of an output folder: what serves, and how to change it."""
