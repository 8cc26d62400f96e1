"""References to an artifact in a registry (distribution specification).

The form is `host[:port]/repository[:tag][@digest]`. The host is required. With a default registry,
somebody would push a private model to a public registry by mistake.
"""

import re
from dataclasses import dataclass

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput

_NAME = re.compile(
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
)
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:.]+\])(?::[0-9]{{1,5}})?")
_MAX_LENGTH = 255
"""Characters of host and repository together that every client accepts."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A repository in a registry, and optionally a tag, a digest or both."""

    host: str
    repository: str
    tag: str | None = None
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """Parse a reference. Raises `InvalidInput`, naming the part that is wrong."""
        rest, at, digest = text.partition("@")
        host, slash, path = rest.partition("/")
        if not slash or not _is_host(host):
            raise InvalidInput(
                f"reference {text[:300]!r} names no registry: expected host/repository:tag",
                hint="write the registry's host name in front, with a dot, a port or localhost",
            )
        repository, colon, tag = path.partition(":")
        if _NAME.fullmatch(repository) is None:
            raise InvalidInput(
                f"repository {repository[:300]!r} is not valid: expected lower-case letters and "
                "digits, separated by single dots, underscores, dashes and slashes"
            )
        if len(host) + 1 + len(repository) > _MAX_LENGTH:
            raise InvalidInput(f"reference is too long: expected at most {_MAX_LENGTH} characters")
        if colon and not is_tag(tag):
            raise InvalidInput(
                f"tag {tag[:200]!r} is not valid: expected at most 128 of A-Za-z0-9._-"
            )
        return cls(host, repository, tag if colon else None, Digest(digest) if at else None)

    @property
    def name(self) -> str | None:
        """The name to resolve in the repository: the digest if there is one, since tags move."""
        return self.digest.text if self.digest else self.tag

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.host}/{self.repository}{tag}{digest}"


def is_tag(text: str) -> bool:
    """Whether every registry accepts `text` as a tag."""
    return _TAG.fullmatch(text) is not None


def _is_host(text: str) -> bool:
    looks_like_host = "." in text or ":" in text or text == "localhost"
    return looks_like_host and _HOST.fullmatch(text) is not None
