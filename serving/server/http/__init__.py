"""The HTTP side of the server: the REST API, its description, and pages."""
