"""The seam of storage: anything that keeps blobs, manifests, tags and referrers.

Pushing and pulling are both copying between two stores (`goldenpath.oci.copy`). An OCI image
layout, a registry over HTTP and a dictionary for tests implement it.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol

from goldenpath.digest import Digest
from goldenpath.errors import VerificationError
from goldenpath.oci.descriptor import Descriptor

CHUNK = 1024 * 1024
"""Bytes that are read at once; what bounds memory, whatever the size of the model."""


class Store(Protocol):
    """Content by digest, names for it, and what refers to it."""

    def fetch(self, descriptor: Descriptor) -> Iterator[bytes]:
        """The content in chunks, verified while it is read.

        Raises `NotFound` if it is absent, and `VerificationError` after the last chunk if its
        digest or its size is not the descriptor's: use nothing before the iterator has ended.
        """

    def push(self, descriptor: Descriptor, chunks: Iterable[bytes]) -> None:
        """Stores a blob or a manifest; what exists is left as it is.

        A manifest with a `subject` is listed under `referrers` of it from then on. Raises
        `VerificationError`, and keeps nothing, if the content is not what the descriptor says.
        """

    def add(self, media_type: str, chunks: Iterable[bytes]) -> Descriptor:
        """Stores a blob whose digest nobody knows yet: hashed while it is stored, once."""

    def exists(self, descriptor: Descriptor) -> bool:
        """Whether the content is there."""

    def resolve(self, name: str) -> Descriptor:
        """The manifest that a tag or a digest names. Raises `NotFound`."""

    def tag(self, name: str, descriptor: Descriptor) -> None:
        """Lets the tag `name` point at a manifest that is there."""

    def tags(self) -> tuple[str, ...]:
        """Every tag, sorted."""

    def referrers(
        self, subject: Digest, artifact_type: str | None = None
    ) -> tuple[Descriptor, ...]:
        """Manifests whose subject is `subject`, with artifact type and annotations, by digest."""


def read(store: Store, descriptor: Descriptor, limit: int) -> bytes:
    """All of a small content at once. Raises `VerificationError` above `limit` bytes."""
    if descriptor.size > limit:
        raise VerificationError(
            f"{descriptor.digest} is too large: expected at most {limit} bytes, "
            f"got {descriptor.size}"
        )
    return b"".join(store.fetch(descriptor))
