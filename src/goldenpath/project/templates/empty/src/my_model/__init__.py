"""A model of your own."""
