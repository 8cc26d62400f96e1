"""How often data were looked at by evaluations, what that can hide, and the gate that asks."""
