"""Tests of the audit answers."""
