"""The road of goldenpath, walked in a real cluster: each step prints what was seen."""
