"""What the console reads beside the verbs, and how `goldenpath up` serves it."""
