"""The address of a git repository, which can be shown without the password in it."""

import re

from goldenpath.errors import InvalidInput

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
