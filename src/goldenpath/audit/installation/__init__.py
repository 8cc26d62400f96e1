"""Whether the goldenpath that is installed here is the one that was released."""
