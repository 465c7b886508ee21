"""The history of an output folder: a row per run, as a table, a file and a page."""
