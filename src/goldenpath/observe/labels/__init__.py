"""Labels: what really happened after a prediction, joined late and in parts."""
