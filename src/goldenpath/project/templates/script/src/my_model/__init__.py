"""A model whose training was adopted as it was. Start at train.py."""
