"""One thing that is wrong with a declaration: where, what was expected, what was found."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of a project, in words that name the cure."""

    file: str
    """Relative to the project."""
    key: str
    """Dotted path inside the file; empty for the file as a whole."""
    expected: str
    got: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}: {self.key}" if self.key else self.file
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}: expected {self.expected}, got {self.got}{hint}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A question that offers the nearest known word, or nothing."""
    near = get_close_matches(word, list(known), n=1)
    return f"did you mean {near[0]!r}?" if near else ""
