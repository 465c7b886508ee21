"""The command `session-retrieval`: its entry point, and what its subcommands share."""
