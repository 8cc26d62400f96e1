"""Signed statements about a digest: making, attaching, reading and verifying them."""
