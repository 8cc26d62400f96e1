"""The prediction log: sealed segments, readers, erasure and expiry."""
