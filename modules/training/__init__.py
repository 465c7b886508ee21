"""Fits: epochs, checkpoints, and what is selected on split eval."""
