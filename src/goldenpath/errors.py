"""Errors, sorted by what the reader can do about them.

    GoldenPathError
      InvalidInput        fix a file, a flag or a request         exit 2
        AlreadyDone       nothing: it is as it was asked for      exit 0
      NotFound            something named is not there            exit 3
      VerificationError   a digest, signature or policy failed    exit 4   never retried
      Unavailable         network, registry, cluster, git remote  exit 5   safe to retry
      Stalled             waits for a change of desired state     exit 6

An expected "no", such as a closed gate, is a value and not an error; its verb exits with 7.
Any other exception is a bug in goldenpath and exits with 1.
"""

from collections.abc import Iterable
from typing import ClassVar


class GoldenPathError(Exception):
    """A failure that is shown to the user: a lower-case sentence, and a hint if there is a cure."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InvalidInput(GoldenPathError):
    """A file, a flag or a request is wrong; the user fixes it and runs the command again."""

    exit_code = 2


class AlreadyDone(InvalidInput):
    """What was asked for is so already. A verb says it and exits with 0."""

    exit_code = 0


class NotFound(GoldenPathError):
    """Something that the user named does not exist."""

    exit_code = 3


class VerificationError(GoldenPathError):
    """A digest, a signature or a policy failed. Never retried and never reduced to a warning."""

    exit_code = 4


class Unavailable(GoldenPathError):
    """An outside system cannot be reached or cannot answer now; the same call may succeed later."""

    exit_code = 5


class Stalled(GoldenPathError):
    """The deployment makes no progress until somebody changes the desired state."""

    exit_code = 6


REFUSED = 7
"""Exit code of a verb whose answer is a regular "no", such as a closed gate."""


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Return a hint that offers the nearest of the `known` names; None if none is near.

    Upper and lower case count as equal, so `PROD` finds `prod` and `prod` finds `Prod`.
    """
    from difflib import get_close_matches  # imported late: only a failed command needs it

    spelling = {each.casefold(): each for each in known if each != name}
    near = get_close_matches(name.casefold(), spelling, n=1)
    return f"did you mean {spelling[near[0]]}?" if near else None
