"""A registry with a cache of its releases on this machine.

Content never changes under its digest, so it is read from the cache if that has it. Tags and
referrers can change, so they are read from the registry. The cache answers for a digest and for
referrers only while the registry cannot be reached. Every write goes to the registry.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from goldenpath.digest import Digest
from goldenpath.errors import NotFound, Unavailable
from goldenpath.oci.copy import copy
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.store import Store

_WORKERS = 8
"""Referrers that are copied at the same time."""


class CachingStore:
    """Implements `Store` over two others: the `origin`, and a `cache` that `pull` fills."""

    def __init__(self, origin: Store, cache: Store) -> None:
        self.origin = origin
        self.cache = cache

    def pull(self, digest: Digest, referrers: Sequence[Descriptor]) -> None:
        """Copy a release and these referrers into the cache, and verify them on the way.

        Content that the cache has is not copied again. Raises `NotFound` if the registry has no
        such release.
        """
        copy(self.origin, self.cache, self._resolved(digest.text), referrers=False)
        # In parallel, since a registry may be far away. Referrers of referrers are not needed: the
        # verifier reads only what refers to the release itself.
        with ThreadPoolExecutor(_WORKERS, thread_name_prefix="pull") as pool:
            for copied in [pool.submit(self._pull_referrer, each) for each in referrers]:
                copied.result()

    def _pull_referrer(self, referrer: Descriptor) -> None:
        copy(self.origin, self.cache, referrer, referrers=False, workers=1)

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
            return self._resolved(name)
        except Unavailable as error:
            # A tag may have moved since; a digest always names the same content.
            if not name.startswith("sha256:"):
                raise
            try:
                return self.cache.resolve(name)
            except NotFound:
                # The registry may have it. "Cannot be reached" must not become "not found".
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

        An outdated list from the cache is safe: referrers are signed, and trust does not come from
        the registry.
        """
        try:
            return self.origin.referrers(subject, artifact_type)
        except Unavailable:
            return self.cache.referrers(subject, artifact_type)

    def _resolved(self, name: str) -> Descriptor:
        try:
            return self.origin.resolve(name)
        except NotFound as error:
            raise NotFound(
                f"{error.message} in the platform's registry",
                hint="push it there: goldenpath push RELEASE HOST/REPOSITORY:TAG",
            ) from error
