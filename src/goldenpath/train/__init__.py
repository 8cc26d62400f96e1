"""Runs the user's training in its locked environment, in a process of its own, and records it."""
