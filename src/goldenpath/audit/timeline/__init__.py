"""What was wanted and what was live, at any moment."""
