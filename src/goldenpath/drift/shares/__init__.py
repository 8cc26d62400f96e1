"""Shares of requests or decisions that are judged beside the columns of a profile."""
