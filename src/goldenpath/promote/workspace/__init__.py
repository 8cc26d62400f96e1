"""Reads scenes from git and the store, lets acts decide, and publishes their intents."""
