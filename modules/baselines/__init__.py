"""Recommenders without a neural network, which a model has to beat."""
