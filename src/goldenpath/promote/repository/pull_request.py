"""Pull requests: where `main` takes no push, a forge shows the commit that waits, and who agrees.

What people click in a forge is shown and never counts as an approval: it is neither signed by them
nor about the digest and the evidence. `goldenpath approve` is the approval that counts.
"""

from dataclasses import dataclass
from typing import Protocol

from goldenpath.errors import GoldenPathError

PREFIX = "goldenpath/"
"""Of the branches that we push; other pull requests are none of ours."""


@dataclass(frozen=True, slots=True)
class PullRequest:
    """One that is open."""

    number: int
    url: str
    branch: str
    commit: str
    """What the branch points at."""
    title: str


@dataclass(frozen=True, slots=True)
class Agreed:
    """Somebody who approved a pull request."""

    login: str
    commit: str
    """What they looked at; empty where the forge does not say."""


class Forge(Protocol):
    """One repository on one forge."""

    def waiting(self) -> tuple[PullRequest, ...]:
        """Ours that are open, the newest first."""

    def open(self, branch: str, title: str, body: str) -> PullRequest:
        """Asks to bring the branch into `main`."""

    def agreed(self, request: PullRequest) -> tuple[Agreed, ...]:
        """Whose last word on it is an approval."""


@dataclass(frozen=True, slots=True)
class MergeAnswer:
    """What came of asking for a merge."""

    url: str = ""
    trouble: str = ""
    """Why there is no pull request though the branch waits; empty if all is well."""

    @property
    def words(self) -> str:
        """What to do now, for people."""
        if self.url:
            return f"pull request {self.url}: merge it by a fast-forward"
        hint = "open a pull request for it, and merge it by a fast-forward"
        return f"{self.trouble}\n{hint}" if self.trouble else hint


NOT_ASKED = MergeAnswer()


def ask(forge: Forge | None, branch: str, message: str) -> MergeAnswer:
    """Opens the pull request of a branch, or finds the one that is open.

    The branch is there already, so a forge that is away is a word and no error.
    """
    if forge is None or not branch:
        return MergeAnswer()
    title, _, rest = message.partition("\n")
    body = "Merge this by a fast-forward: its signature is what counts.\n\n" + "".join(
        f"    {line}\n" for line in rest.strip().splitlines()
    )
    try:
        found = next((each for each in forge.waiting() if each.branch == branch), None)
        return MergeAnswer((found or forge.open(branch, title, body)).url)
    except GoldenPathError as error:
        return MergeAnswer(trouble=error.message)
