"""The pipeline: its configuration, its nodes, and what its runners need."""
