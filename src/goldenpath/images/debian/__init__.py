"""Debian packages as the parts of a base image: pinned, fetched, read, and put together."""
