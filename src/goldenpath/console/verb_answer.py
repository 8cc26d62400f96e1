"""One answer of a verb, as the console shows it."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class VerbAnswer:
    """What a verb has answered."""

    words: tuple[str, ...]
    """The command line, without `goldenpath`."""
    record: object = None
    """What the verb prints with `--output json`; None if it had to give up."""
    text: str = ""
    """The page of the terminal."""
    notes: tuple[str, ...] = ()
    code: int = 0
    """The exit code. A regular "no" is 7, and has a record."""
    error: str = ""
    """Why there is no answer, or why it must not be believed; empty if neither is so."""
    hint: str = ""
    read_at: datetime | None = None
    """When the verb began to read."""
    is_past: bool = False
    """Whether something has changed since, and the verb is running again."""

    @property
    def command(self) -> str:
        """The line that gives the same answer in a terminal."""
        return shlex.join(("goldenpath", *self.words))


Ask = Callable[[tuple[str, ...]], VerbAnswer]
"""Runs a verb that changes nothing, and returns its answer; it raises nothing."""
