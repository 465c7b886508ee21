"""What a model must reach before it is pushed."""
