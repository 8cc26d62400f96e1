"""The suite `http`: attacks by whoever can connect to a listener."""
