"""The protocol of every store of blobs, manifests, tags and referrers.

Push and pull are both a copy between two stores (`goldenpath.oci.copy`). An OCI image layout, a
registry over HTTP and a dictionary for tests implement it.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, runtime_checkable

from goldenpath.digest import Digest
from goldenpath.errors import VerificationError
from goldenpath.oci.descriptor import Descriptor

CHUNK = 1024 * 1024
"""Bytes that are read at once, so that memory stays bounded for a model of any size."""


class Store(Protocol):
    """Stores content by digest, tags for manifests, and which manifests refer to which."""

    def fetch(self, descriptor: Descriptor) -> Iterator[bytes]:
        """Return the content in chunks, verified while it is read.

        Raises `NotFound` if it is absent. Raises `VerificationError` after the last chunk if digest
        or size differ from the descriptor, so use no chunk before the iterator has ended.
        """

    def push(self, descriptor: Descriptor, chunks: Iterable[bytes]) -> None:
        """Store a blob or a manifest; existing content is left as it is.

        A manifest with a `subject` is listed by `referrers` of that subject from then on. Raises
        `VerificationError`, and stores nothing, if the content does not match the descriptor.
        """

    def add(self, media_type: str, chunks: Iterable[bytes]) -> Descriptor:
        """Store a blob whose digest is not known yet; it is hashed while it is stored."""

    def exists(self, descriptor: Descriptor) -> bool:
        """Whether the store has the content."""

    def resolve(self, name: str) -> Descriptor:
        """Return the manifest that a tag or a digest names. Raises `NotFound`."""

    def tag(self, name: str, descriptor: Descriptor) -> None:
        """Point the tag `name` at a manifest that the store has."""

    def tags(self) -> tuple[str, ...]:
        """Return every tag, sorted."""

    def referrers(
        self, subject: Digest, artifact_type: str | None = None
    ) -> tuple[Descriptor, ...]:
        """Return the manifests whose subject is `subject`, sorted by digest.

        Each descriptor carries the artifact type and annotations of its manifest.
        """


def read(store: Store, descriptor: Descriptor, limit: int) -> bytes:
    """Return a small content as a whole. Raises `VerificationError` above `limit` bytes."""
    if descriptor.size > limit:
        raise VerificationError(
            f"{descriptor.digest} is too large: expected at most {limit} bytes, "
            f"got {descriptor.size}"
        )
    return b"".join(store.fetch(descriptor))


@runtime_checkable
class ListsTogether(Protocol):
    """A store that can list many manifests by one write."""

    def together(self) -> AbstractContextManager[object]:
        """List all that this thread pushes and tags in the block when it ends without an error."""


def listed_together(store: Store) -> AbstractContextManager[object]:
    """Return a block whose pushes are listed by one write, if the store can do that."""
    return store.together() if isinstance(store, ListsTogether) else nullcontext()
