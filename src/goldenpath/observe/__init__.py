"""What is learned from serving, outside the path of a request: log, drift, telemetry."""
