"""Reconciles a target with git: desired state, observed state, and the actions between them."""
