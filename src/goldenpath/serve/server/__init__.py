"""The model server: one listener, one batcher, one release."""
