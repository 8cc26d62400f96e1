"""Monitors of shares beside the columns of a profile."""
