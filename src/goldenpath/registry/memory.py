"""A store in memory, for tests and for dry runs."""
