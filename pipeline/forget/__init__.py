"""Removes sessions and visitors from what an output folder holds of them."""
