"""Registers: what a platform holds as a whole, read from signed commits and statements."""
