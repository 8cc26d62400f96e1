"""One HTTP/1.1 stack."""
