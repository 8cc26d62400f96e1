"""Answers about one release or one prediction, from all the evidence."""
