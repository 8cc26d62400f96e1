"""OpenTelemetry out of the prediction log: metrics and sampled spans."""
