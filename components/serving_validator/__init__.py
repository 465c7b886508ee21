"""The last check before a model is pushed: loads and calls it as a server would."""
