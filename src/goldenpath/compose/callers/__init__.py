"""Verbs of this machine that ask its models."""
