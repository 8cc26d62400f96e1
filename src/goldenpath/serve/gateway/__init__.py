"""One door to all models: splits traffic between stable and canary, and judges the canary."""
