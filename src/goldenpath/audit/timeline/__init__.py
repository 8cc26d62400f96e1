"""Intended and observed state at any moment."""
