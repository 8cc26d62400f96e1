"""A model project: `goldenpath.toml` and the files around it."""
