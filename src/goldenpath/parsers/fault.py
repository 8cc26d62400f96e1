"""A fault in a file that people write: where it is, what was expected and what was found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a file, worded so that the reader knows what to change."""

    file: str
    """Path relative to the project."""
    key: str
    """Dotted path inside the file; empty for the file as a whole."""
    expected: str
    got: str
    hint: str = ""
    is_open: bool = False
    """Whether it stands for words that nobody has written yet: a gate waits for them."""

    def __str__(self) -> str:
        location = f"{self.file}: {self.key}" if self.key else self.file
        hint = f" ({self.hint})" if self.hint else ""
        return f"{location}: expected {self.expected}, got {self.got}{hint}"
