"""The gateway in front of all models: splits traffic between stable and canary, and counts."""
