"""Items: the file that describes them, and what of it a pushed model carries."""
