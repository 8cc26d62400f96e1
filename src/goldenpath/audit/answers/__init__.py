"""Answers about one release or one prediction, gathered from all the evidence."""
