"""The sections of the page: a template each, and a module of the same name that makes its parts."""
