"""Metrics and spans, made from records after the answers have left."""
