"""Options: how they are declared, read and checked, one file per section in `options/`."""
