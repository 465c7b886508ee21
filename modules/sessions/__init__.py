"""Click logs as sessions, and sessions as tf.Examples."""
