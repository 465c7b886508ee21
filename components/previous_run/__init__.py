"""Nodes that pass on what earlier runs left, through folders: for runs without a metadata store."""
