"""Signatures of machines and of people."""
