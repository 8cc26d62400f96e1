"""What a model takes and gives, by the task and the kinds of its features."""
