"""How many requests come."""
