"""Trains a release again from what is on record of it, and compares bit for bit."""
