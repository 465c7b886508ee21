"""Click logs in, sessions out: the Beam graph, its files and its counts."""
