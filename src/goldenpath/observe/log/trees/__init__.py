"""Merkle trees over what the prediction log holds."""
