"""The locked Python environment of a training, and of a model that is code."""
