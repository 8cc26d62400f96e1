"""Writes values as TOML: the other direction of `toml_parser`."""

from collections.abc import Iterable


def quoted(text: str) -> str:
    """Return the text as a TOML string."""
    if any(ord(letter) < 32 or letter in '"\\\x7f' for letter in text):
        return '"' + "".join(f"\\U{ord(letter):08x}" for letter in text) + '"'
    return f'"{text}"'


def listed(texts: Iterable[str]) -> str:
    """Return the texts as a TOML list of strings."""
    return "[" + ", ".join(quoted(text) for text in texts) + "]"
