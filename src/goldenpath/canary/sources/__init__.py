"""Where the judge's counts come from: the gateway, the log, Prometheus, or two of them."""
