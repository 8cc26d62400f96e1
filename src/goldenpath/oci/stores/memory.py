"""A store in memory, for tests and for dry runs."""

from collections.abc import Iterable, Iterator
from threading import RLock

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound
from goldenpath.oci.descriptor import MANIFEST_TYPES, Descriptor
from goldenpath.oci.manifest import as_referrer, parse_manifest
from goldenpath.oci.reference import is_tag
from goldenpath.oci.store import CHUNK
from goldenpath.oci.stream import verified


class MemoryStore:
    """Implements `Store` with dictionaries. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._content: dict[Digest, bytes] = {}
        self._manifests: dict[Digest, Descriptor] = {}
        self._subjects: dict[Digest, Digest] = {}
        self._tags: dict[str, Digest] = {}

    def fetch(self, descriptor: Descriptor) -> Iterator[bytes]:
        """See `Store.fetch`."""
        content = self._content.get(descriptor.digest)
        if content is None:
            raise NotFound(f"{descriptor.digest} is not in the store")
        chunks = (content[start : start + CHUNK] for start in range(0, len(content), CHUNK))
        return verified(descriptor, chunks)

    def push(self, descriptor: Descriptor, chunks: Iterable[bytes]) -> None:
        """See `Store.push`."""
        content = b"".join(verified(descriptor, chunks))
        with self._lock:
            if descriptor.media_type in MANIFEST_TYPES:
                manifest = parse_manifest(descriptor.media_type, content)
                self._manifests[descriptor.digest] = as_referrer(
                    Descriptor(descriptor.media_type, descriptor.digest, descriptor.size), manifest
                )
                if manifest.subject is not None:
                    self._subjects[descriptor.digest] = manifest.subject.digest
            self._content.setdefault(descriptor.digest, content)

    def add(self, media_type: str, chunks: Iterable[bytes]) -> Descriptor:
        """See `Store.add`."""
        content = b"".join(chunks)
        descriptor = Descriptor.of(media_type, content)
        self.push(descriptor, [content])
        return descriptor

    def exists(self, descriptor: Descriptor) -> bool:
        """See `Store.exists`."""
        content = self._content.get(descriptor.digest)
        return content is not None and len(content) == descriptor.size

    def resolve(self, name: str) -> Descriptor:
        """See `Store.resolve`."""
        digest = Digest(name) if name.startswith("sha256:") else self._tags.get(name)
        manifest = None if digest is None else self._manifests.get(digest)
        if manifest is None:
            raise NotFound(f"manifest {name!r} is not in the store")
        return Descriptor(manifest.media_type, manifest.digest, manifest.size)

    def tag(self, name: str, descriptor: Descriptor) -> None:
        """See `Store.tag`."""
        if not is_tag(name):
            raise InvalidInput(f"tag {name[:200]!r} is not valid")
        with self._lock:
            if descriptor.digest not in self._manifests:
                raise NotFound(f"manifest {descriptor.digest} is not in the store")
            self._tags[name] = descriptor.digest

    def tags(self) -> tuple[str, ...]:
        """See `Store.tags`."""
        with self._lock:
            return tuple(sorted(self._tags))

    def referrers(
        self, subject: Digest, artifact_type: str | None = None
    ) -> tuple[Descriptor, ...]:
        """See `Store.referrers`."""
        with self._lock:
            referring = [
                self._manifests[each] for each, of in self._subjects.items() if of == subject
            ]
        chosen = [d for d in referring if artifact_type in (None, d.artifact_type)]
        return tuple(sorted(chosen, key=lambda descriptor: descriptor.digest))
