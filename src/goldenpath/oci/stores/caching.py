"""A registry with a copy of what was needed of it on this machine.

Content has one digest wherever it lies, so it is read from the copy when that has it. What changes,
names and referrers, is asked of the registry; only while that cannot be reached does the copy
answer. Everything is written to the registry.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from goldenpath.digest import Digest
from goldenpath.errors import NotFound, Unavailable
from goldenpath.oci.copy import copy
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.store import Store

_AT_ONCE = 8
"""Referrers that are copied at a time."""


class CachingStore:
    """Implements `Store` over two others: `origin`, and the `cache` that `bring` fills."""

    def __init__(self, origin: Store, cache: Store) -> None:
        self.origin = origin
        self.cache = cache

    def bring(self, digest: Digest) -> None:
        """Copies a release and what refers to it into the cache, verified on its way.

        What is there is not sent again. Raises `NotFound` if the registry has no such release.
        """
        copy(self.origin, self.cache, self._named(digest.text), referrers=False)
        listed = self.origin.referrers(digest)
        # Side by side, for a registry may be far away; what refers to referrers says nothing here.
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="bring") as pool:
            for each in [pool.submit(self._bring_referrer, found) for found in listed]:
                each.result()

    def _bring_referrer(self, found: Descriptor) -> None:
        copy(self.origin, self.cache, found, referrers=False, workers=1)

    def fetch(self, descriptor: Descriptor) -> Iterator[bytes]:
        """See `Store.fetch`."""
        nearest = self.cache if self.cache.exists(descriptor) else self.origin
        return nearest.fetch(descriptor)

    def push(self, descriptor: Descriptor, chunks: Iterable[bytes]) -> None:
        """See `Store.push`."""
        self.origin.push(descriptor, chunks)

    def add(self, media_type: str, chunks: Iterable[bytes]) -> Descriptor:
        """See `Store.add`."""
        return self.origin.add(media_type, chunks)

    def exists(self, descriptor: Descriptor) -> bool:
        """See `Store.exists`."""
        return self.origin.exists(descriptor)

    def resolve(self, name: str) -> Descriptor:
        """See `Store.resolve`."""
        try:
            return self._named(name)
        except Unavailable as error:
            # A tag may have moved meanwhile; a digest means the same for ever.
            if not name.startswith("sha256:"):
                raise
            try:
                return self.cache.resolve(name)
            except NotFound:
                # The registry may well have it: that it is away must not read as "no".
                raise error from None

    def tag(self, name: str, descriptor: Descriptor) -> None:
        """See `Store.tag`."""
        self.origin.tag(name, descriptor)

    def tags(self) -> tuple[str, ...]:
        """See `Store.tags`."""
        return self.origin.tags()

    def referrers(
        self, subject: Digest, artifact_type: str | None = None
    ) -> tuple[Descriptor, ...]:
        """See `Store.referrers`.

        An older list is safe: what is said is signed, and whom to trust is not said here.
        """
        try:
            return self.origin.referrers(subject, artifact_type)
        except Unavailable:
            return self.cache.referrers(subject, artifact_type)

    def _named(self, name: str) -> Descriptor:
        try:
            return self.origin.resolve(name)
        except NotFound as error:
            raise NotFound(
                f"{error.message} in the platform's registry",
                hint="bring it there with goldenpath push RELEASE HOST/REPOSITORY:TAG",
            ) from error
