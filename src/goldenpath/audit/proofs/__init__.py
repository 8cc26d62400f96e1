"""Proofs about single predictions that verify without goldenpath and without a network."""
