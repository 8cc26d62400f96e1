"""What the user declares: `goldenpath.toml`, and the project around it."""
