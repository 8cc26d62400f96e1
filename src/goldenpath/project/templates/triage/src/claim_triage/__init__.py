"""The team that a new claim belongs to."""
