"""Turns a training into a signed release: packs it, attaches evidence, and verifies both."""
