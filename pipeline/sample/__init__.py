"""The bundled sample data, generated."""
