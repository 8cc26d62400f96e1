"""Tries to cheat the verifier, one named tampering after the other, on a throwaway release."""
