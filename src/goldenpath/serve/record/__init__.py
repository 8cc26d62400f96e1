"""The record of each answer, on its way to the prediction log."""
