"""The suite `registry`: attacks by whoever runs a registry, or may write to it."""
