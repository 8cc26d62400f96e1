"""What is recorded about a release, and what can be compared of two."""
