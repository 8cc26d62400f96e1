"""The audit log: events in one hash chain."""
