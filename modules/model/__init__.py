"""The GRU two-tower model and how it learns."""
