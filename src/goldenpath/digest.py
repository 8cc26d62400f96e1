"""SHA-256 digests as a checked type (OCI image specification, descriptor.md).

A `Digest` is checked when it is made, so the rest of the code need not check it again.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from goldenpath.errors import InvalidInput

_SHA256 = re.compile(r"sha256:[a-f0-9]{64}")


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A SHA-256 digest: `sha256:` and 64 lower-case hex digits."""

    text: str

    def __post_init__(self) -> None:
        if _SHA256.fullmatch(self.text) is None:
            raise InvalidInput(
                f"{self.text[:80]!r} is not a digest: expected sha256: and 64 lower-case hex digits"
            )

    def __str__(self) -> str:
        return self.text

    @property
    def hex(self) -> str:
        """The 64 hex digits without the prefix `sha256:`."""
        return self.text[7:]

    @property
    def short(self) -> str:
        """The prefix and 12 digits, for people to read. Never compare digests by it."""
        return self.text[:19]

    @classmethod
    def of(cls, content: bytes) -> "Digest":
        """Return the digest of `content`."""
        return cls("sha256:" + hashlib.sha256(content).hexdigest())

    @classmethod
    def of_chunks(cls, chunks: Iterable[bytes]) -> "Digest":
        """Return the digest of all `chunks` joined; each chunk is read once."""
        state = hashlib.sha256()
        for chunk in chunks:
            state.update(chunk)
        return cls("sha256:" + state.hexdigest())
