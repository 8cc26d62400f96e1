"""The check that the installed goldenpath is the one that was released."""
