"""Training runs: epochs, checkpoints, and model selection on split eval."""
