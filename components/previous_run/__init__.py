"""Nodes that pass results of earlier runs on by folders, for runs without a metadata store."""
