"""One fact of a register: its value with its source, or why it is unknown."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RegisterFact:
    """A value and the record that says so, or the reason why nobody knows it."""

    value: str = ""
    source: str = ""
    """The signed record that the value is from."""
    unknown: str = ""
    """Why the value is unknown; empty if it is known."""

    @property
    def text(self) -> str:
        """The value, or that it is unknown and why."""
        return self.value or f"unknown: {self.unknown}"
