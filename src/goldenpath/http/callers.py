"""Who a client is, handed on between processes of one machine so that no client can say it itself.

The name stands behind a word that the supervisor made for this run and told nobody but its own
children. Whoever does not know the word names nobody, over whatever socket it comes.
"""

from hmac import compare_digest
from urllib.parse import quote_from_bytes, unquote

LONGEST = 256
"""Characters of the longest name."""


def told(word: str, name: str) -> bytes:
    """The value of the header that names `name`, whatever letters it has."""
    encoded = name.encode("utf-8", "replace")
    return f"{word} {quote_from_bytes(encoded, safe=' @/:=,+')}".encode("ascii")


def heard(word: str, value: bytes) -> str:
    """The name in a header; empty if it was not our own process that set it."""
    before, _, name = value.partition(b" ")
    if not word or not compare_digest(before, word.encode("ascii")):
        return ""
    return unquote(name.decode("latin-1"), errors="replace")[:LONGEST]
