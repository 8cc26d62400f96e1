"""Where a git repository is, and how that is said without the password in it."""

import re

from goldenpath.errors import InvalidInput

_LOGIN = re.compile(r"https?://([^/@]*@)")


class Address:
    """A path or a URL, as git takes it; its text is what may be shown."""

    def __init__(self, url: str) -> None:
        if url.startswith("-"):
            raise InvalidInput(f"{url!r} is not the address of a git repository")
        found = _LOGIN.match(url)
        self.url = url
        self._login = found[1] if found else ""

    def __str__(self) -> str:
        return self.cleared(self.url)

    def cleared(self, words: str) -> str:
        """Words of git without name, password or token, which they may repeat."""
        return words.replace(self._login, "") if self._login else words
