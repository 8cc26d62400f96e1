"""Metrics and spans, computed from records after the answers are sent."""
