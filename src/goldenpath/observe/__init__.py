"""Prediction log, drift and telemetry: all from records, outside the path of a request."""
