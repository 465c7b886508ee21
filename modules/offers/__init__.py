"""Which items of its catalogue a pushed model recommends: lists of offered items."""
