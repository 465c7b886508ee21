"""Recommenders without a neural network that a model has to beat."""
