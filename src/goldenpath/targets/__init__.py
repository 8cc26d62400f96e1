"""Where deployments run."""
