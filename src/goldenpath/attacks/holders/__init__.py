"""The suite `rights`: attacks by whoever holds one listed key."""
