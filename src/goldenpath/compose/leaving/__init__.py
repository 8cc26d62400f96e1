"""The way out: what a company keeps when goldenpath goes."""
