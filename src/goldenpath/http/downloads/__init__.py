"""Files that are read from other servers, piece by piece."""
