"""The sections of the page, a file and a template of the same name each."""
