"""The prediction log: sealed, readable, erasable."""
