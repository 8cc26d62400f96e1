"""Evaluation of a trained model: scores, metrics and recorded answers."""
