"""The address of a git repository, and errors about it that show no password."""

import re

from goldenpath.errors import InvalidInput, NotFound, Unavailable
from goldenpath.promote.repository.git import GitFailed, last_line

_LOGIN = re.compile(r"https?://([^/@]*@)")


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
            hint="check its address, the network, your access and its disk, then run this again",
        )
