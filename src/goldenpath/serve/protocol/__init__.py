"""Open Inference Protocol v2 as values: bytes in, bytes out, no effects."""
