"""Pull requests: if `main` accepts no push, a forge shows the waiting commit and who agrees.

A click in a forge is shown and is never an approval: the person does not sign it, and it is not
about the digest and the evidence. Only `goldenpath approve` makes an approval.
"""

from dataclasses import dataclass
from typing import Protocol

from goldenpath.errors import GoldenPathError

PREFIX = "goldenpath/"
"""The prefix of our own branches; pull requests from other branches are ignored."""


@dataclass(frozen=True, slots=True)
class PullRequest:
    """One open pull request."""

    number: int
    url: str
    branch: str
    commit: str
    """The commit that the branch points at."""
    title: str


@dataclass(frozen=True, slots=True)
class Agreed:
    """A person who approved a pull request."""

    login: str
    commit: str
    """The commit that they saw; empty if the forge does not say."""


class Forge(Protocol):
    """One repository on one forge."""

    def waiting(self) -> tuple[PullRequest, ...]:
        """Return goldenpath's open pull requests, the newest first."""

    def open(self, branch: str, title: str, body: str) -> PullRequest:
        """Open a pull request from the branch to `main`."""

    def agreed(self, request: PullRequest) -> tuple[Agreed, ...]:
        """Return those whose last review of it is an approval."""


@dataclass(frozen=True, slots=True)
class MergeAnswer:
    """The pull request of a branch, or why there is none."""

    url: str = ""
    trouble: str = ""
    """Why the branch has no pull request; empty if nothing went wrong."""

    @property
    def instruction(self) -> str:
        """What a person has to do now."""
        if self.url:
            return f"pull request {self.url}: merge it by a fast-forward"
        hint = "open a pull request for it, and merge it by a fast-forward"
        return f"{self.trouble}\n{hint}" if self.trouble else hint


NOT_ASKED = MergeAnswer()


def ask(forge: Forge | None, branch: str, message: str) -> MergeAnswer:
    """Open the pull request of a branch, or find the one that is open.

    The branch is pushed already, so an unreachable forge is reported and is not an error.
    """
    if forge is None or not branch:
        return MergeAnswer()
    title, _, rest = message.partition("\n")
    body = "Merge this by a fast-forward, so that its signature is kept.\n\n" + "".join(
        f"    {line}\n" for line in rest.strip().splitlines()
    )
    try:
        request = next((each for each in forge.waiting() if each.branch == branch), None)
        return MergeAnswer((request or forge.open(branch, title, body)).url)
    except GoldenPathError as error:
        return MergeAnswer(trouble=error.message)
