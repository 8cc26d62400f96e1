"""What each field that a person writes is for: the law, the reason, and a good example."""
