"""The address of a git repository, and errors about it that show no password."""

import re

from goldenpath.errors import GoldenPathError, InvalidInput, NotFound, Unavailable
from goldenpath.promote.repository.git import GitFailed, last_line

_MOVED = (
    "stale info", "fetch first", "non-fast-forward", "cannot lock ref", "failed to update ref",
)  # fmt: skip
_ACCESS = "check your password, token or SSH key, and that it may use this repository"
_CURES = (
    (
        "certificate has expired",
        "renew the certificate of the forge, or check this machine's clock",
    ),
    ("certificate subject name", "use a name of the forge that its certificate lists"),
    ("ertificate", "set GIT_SSL_CAINFO to the file of the authority that issued the certificate"),
    ("Host key verification failed", "add the key of the host to ~/.ssh/known_hosts"),
    ("Permission denied", _ACCESS),
    ("Authentication failed", _ACCESS),
    ("could not read Username", f"set GIT_ASKPASS, or the login in the address; {_ACCESS}"),
    ("could not read Password", f"set GIT_ASKPASS, or the login in the address; {_ACCESS}"),
)
"""What helps, by words in git's output; the first that fits counts."""
_LOGIN = re.compile(r"https?://([^/@]*@)")


class MovedOn(Unavailable):
    """The branch has moved since it was read: fetch, decide again, commit again."""


class Protected(InvalidInput):
    """The remote accepts no push to the branch."""


class Address:
    """A path or a URL as git accepts it. `str()` gives it without the login."""

    def __init__(self, url: str) -> None:
        if url.startswith("-"):
            raise InvalidInput(f"{url!r} is not the address of a git repository")
        login = _LOGIN.match(url)
        self.url = url
        self._login = login[1] if login else ""

    def __str__(self) -> str:
        return self.cleared(self.url)

    def cleared(self, text: str) -> str:
        """Return a message of git without the name, password or token, which it may repeat."""
        return text.replace(self._login, "") if self._login else text

    def reason(self, error: GitFailed) -> str:
        """Return the line of git's output that says why it failed."""
        return last_line(self.cleared(error.words))

    def no_branch(self, name: str) -> NotFound:
        """Return the error for a branch that is not there."""
        hint = "run goldenpath init" if name == "main" else None
        return NotFound(f"{self} has no branch {name}", hint=hint)

    def unreachable(self, error: GitFailed) -> Unavailable:
        """Return the error for a repository that cannot be read or written."""
        return Unavailable(
            f"the gitops repository {self} cannot be used: {self.reason(error)}",
            hint=next(
                (cure for words, cure in _CURES if words in error.words),
                "check its address, the network, your access and its disk, then run this again",
            ),
        )

    def not_pushed(self, error: GitFailed, branch: str, parent: str | None) -> GoldenPathError:
        """Return the error for a commit on `parent` that was not pushed."""
        if error.held_lock:
            # Most locks are held for a moment: it is tried again like a move of `main`.
            lock = error.held_lock
            return MovedOn(
                f"{self} is locked: a git program there holds {lock}, or was killed with it",
                hint=f"if no git program works there, remove its {lock}, then run this again",
            )
        if _has_moved(error):
            return MovedOn(
                f"{branch} of {self} moved on meanwhile: it is no longer {parent}",
                hint="run the command again, it decides on the new state",
            )
        if error.is_refusal:
            return Protected(
                f"{self} refused the commit: {self.reason(error)}",
                hint="the branch may be protected; push a branch and open a pull request",
            )
        return self.unreachable(error)

    def not_forwarded(self, error: GitFailed, branch: str, commit: str) -> GoldenPathError:
        """Return the error for a branch that did not go forward to a commit."""
        if error.held_lock or _has_moved(error):
            return MovedOn(
                f"{branch} of {self} cannot go forward to {commit[:12]}: it is at a commit that is "
                "not before that one, or another program holds it"
            )
        if error.is_refusal:
            return Protected(f"{self} refused to move {branch}: {self.reason(error)}")
        return self.unreachable(error)


def _has_moved(error: GitFailed) -> bool:
    return any(word in error.words for word in _MOVED)
