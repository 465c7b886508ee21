"""The answers to sessions, with items that the model does not know among them."""
