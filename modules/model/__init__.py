"""The GRU two-tower model and its training."""
