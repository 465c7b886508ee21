"""The node that decides whether a model may be pushed, and says why."""
