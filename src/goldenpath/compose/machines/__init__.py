"""This machine as a whole: what it has, and whether its parts can be reached."""
