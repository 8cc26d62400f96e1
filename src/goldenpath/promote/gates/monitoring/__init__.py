"""The gate over open findings: what the monitors say about the live model and the release."""
