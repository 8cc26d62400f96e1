"""The chain of hashes over events: pure functions, checked by anyone who can hash."""
