"""How messages show values, and how processes ended; only the standard library here."""
