"""Statistics of change: arrays in, numbers out, no effects."""
