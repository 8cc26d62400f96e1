"""Errors, sorted by what the reader can do about them.

    GoldenPathError
      InvalidInput        fix a file, a flag or a request         exit 2
      NotFound            something named is not there            exit 3
      VerificationError   a digest, signature or policy failed    exit 4   never retried
      Unavailable         network, registry, cluster, git remote  exit 5   safe to retry
      Stalled             waits for a change of desired state     exit 6

An expected "no" (a closed gate, nothing to do) is a value, not an error; its verb exits 7.
Anything else that is raised is our bug and exits 1.
"""

from collections.abc import Iterable
from typing import ClassVar


class GoldenPathError(Exception):
    """A failure that a user can read: one lower-case sentence, and perhaps a hint."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InvalidInput(GoldenPathError):
    """A file, a flag or a request is wrong; fix it and run again."""

    exit_code = 2


class NotFound(GoldenPathError):
    """Something that was named is not there."""

    exit_code = 3


class VerificationError(GoldenPathError):
    """A digest, a signature or a policy did not hold. Never retried, never downgraded."""

    exit_code = 4


class Unavailable(GoldenPathError):
    """Something outside cannot be reached now; the same call may succeed later."""

    exit_code = 5


class Stalled(GoldenPathError):
    """Nothing moves until the desired state changes."""

    exit_code = 6


REFUSED = 7
"""Exit code of a verb whose answer is an orderly "no"."""


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A question for a hint if `name` is nearly one of the `known` names; None otherwise."""
    from difflib import get_close_matches  # only a command that failed pays for it

    near = get_close_matches(name.lower(), [each for each in known if each != name], n=1)
    return f"did you mean {near[0]}?" if near else None
