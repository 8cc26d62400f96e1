"""Compares a canary with the stable release: statistics that hold at any time of looking."""
