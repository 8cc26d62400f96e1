"""Messages of HTTP/1.1 as values: bytes in, bytes out, no connection."""
