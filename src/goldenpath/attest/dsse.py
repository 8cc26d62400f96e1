"""The envelope of a signed statement (Dead Simple Signing Envelope v1)."""
