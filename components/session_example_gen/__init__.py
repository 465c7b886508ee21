"""Turns click logs into one tf.Example per session."""
