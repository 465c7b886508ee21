"""The last check before a model is pushed: it is loaded and asked as a server would."""
