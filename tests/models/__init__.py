"""The models that people bring, and their table."""
