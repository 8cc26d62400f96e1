"""Sources of the judge's counts: the prediction log, Prometheus, or both."""
