"""Texts of others, made fit to be shown: no control character of theirs reaches a terminal.

A commit, a statement or a registry may hold any text. Escape sequences would move the cursor and
write over what we said, and marks of direction would turn it round.
"""

import re

_UNSHOWN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
"""Control characters, marks of direction and invisible ones, but for line breaks and tabs."""


def shown_text(text: str) -> str:
    """Return a text with a replacement character for each one that steers a terminal."""
    return _UNSHOWN.sub("\ufffd", text)


def plain_line(text: str) -> str:
    """Return the text as one line without control characters, however long."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def one_line(text: str, most: int = 200) -> str:
    """Return the text as one line without control characters, shortened to `most` letters."""
    plain = plain_line(text)
    return plain if len(plain) <= most else plain[: most - 1] + "…"
