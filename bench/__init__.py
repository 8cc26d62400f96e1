"""Benchmarks: ratios measured in one run, printed and written down, never asserted."""
