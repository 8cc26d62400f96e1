"""Delivery of alarms: from findings and the audit log through a durable outbox to people."""
