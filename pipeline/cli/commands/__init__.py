"""The subcommands of `session-retrieval`, a file each."""
