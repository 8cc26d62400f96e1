"""Implementations of the `Store` seam: a folder, a registry over HTTP, memory."""
