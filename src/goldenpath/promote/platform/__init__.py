"""`platform.toml`: stages, people, trust, and the rules of a stage."""
