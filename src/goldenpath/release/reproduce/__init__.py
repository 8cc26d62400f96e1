"""Repeats the training of a release from its records, and compares the results bit for bit."""
