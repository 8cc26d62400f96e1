"""Suites of named attacks, and the suite on the verifier of releases."""
