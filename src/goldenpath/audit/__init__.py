"""Answers from the evidence: what was live when, where an answer came from, what is proven."""
