"""The pipeline: its configuration, its nodes, and what a runner needs around it."""
