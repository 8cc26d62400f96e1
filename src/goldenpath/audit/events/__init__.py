"""The audit log: events in one chain of hashes."""
