"""How long releases stay in the registry."""
