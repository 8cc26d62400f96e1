"""Suites of attacks on the wings above the release: each with real parts, nothing outside."""
