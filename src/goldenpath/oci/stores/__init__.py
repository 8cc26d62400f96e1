"""Implementations of `Store`: a folder, a registry over HTTP, memory, and a cached registry."""
