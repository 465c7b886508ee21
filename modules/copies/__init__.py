"""Copies of an exported model that differ from it in variables, with the same graph."""
