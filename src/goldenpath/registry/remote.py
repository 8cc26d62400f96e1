"""A store behind HTTP: the OCI distribution specification, version 1.1."""
