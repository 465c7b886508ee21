"""The options, a file per section of the configuration, named after what reads it."""
