"""The caller header: passes a client's name between processes of one machine.

The header starts with a secret that the supervisor makes for each run and gives only to its own
children. A header without that secret is ignored, so no client can claim to be another caller.
"""

from hmac import compare_digest
from urllib.parse import quote_from_bytes, unquote

LONGEST = 256
"""Characters of the longest name."""


def caller_header(caller_secret: str, name: str) -> bytes:
    """Return the header value that names the caller `name`, percent-encoded."""
    encoded = name.encode("utf-8", "replace")
    return f"{caller_secret} {quote_from_bytes(encoded, safe=' @/:=,+')}".encode("ascii")


def caller_from_header(caller_secret: str, value: bytes) -> str:
    """Return the caller named in a header; empty if none of our own processes set it."""
    before, _, name = value.partition(b" ")
    if not caller_secret or not compare_digest(before, caller_secret.encode("ascii")):
        return ""
    return unquote(name.decode("latin-1"), errors="replace")[:LONGEST]
