"""How often data were looked at by evaluations, and what that can hide."""
