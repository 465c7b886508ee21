"""An approximate index of the exported model's items, and the gate that it must pass."""
