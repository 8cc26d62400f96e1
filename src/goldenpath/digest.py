"""SHA-256 digests as values that cannot be wrong (OCI image specification, descriptor.md)."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from goldenpath.errors import InvalidInput

_SHA256 = re.compile(r"sha256:[a-f0-9]{64}")


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """`sha256:` and 64 lower-case hex digits."""

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
        """The 64 digits without the algorithm."""
        return self.text[7:]

    @property
    def short(self) -> str:
        """Enough of it for a person to tell two apart; never for a machine."""
        return self.text[:19]

    @classmethod
    def of(cls, content: bytes) -> "Digest":
        """Digest of `content`."""
        return cls("sha256:" + hashlib.sha256(content).hexdigest())

    @classmethod
    def of_chunks(cls, chunks: Iterable[bytes]) -> "Digest":
        """Digest of the concatenation of `chunks`, each read once."""
        state = hashlib.sha256()
        for chunk in chunks:
            state.update(chunk)
        return cls("sha256:" + state.hexdigest())
