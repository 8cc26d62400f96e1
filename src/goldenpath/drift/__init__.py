"""Drift statistics: pure functions from arrays to numbers."""
