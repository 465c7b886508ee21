"""The command `session-retrieval`: a small file per subcommand."""
