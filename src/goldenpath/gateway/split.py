"""Which slot answers a request: weighted, sticky or forced."""
