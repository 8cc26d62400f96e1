"""Drift of live traffic against the signed reference profile."""
