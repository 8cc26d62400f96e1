"""Copies artifacts between stores: push, pull and mirror are all a copy.

Content is copied before the manifest that points at it. So an interrupted copy leaves no manifest
with missing content, and the next copy continues where it stopped.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from goldenpath.digest import Digest
from goldenpath.errors import NotFound, VerificationError
from goldenpath.oci.descriptor import MANIFEST_TYPES, Descriptor
from goldenpath.oci.manifest import MAX_MANIFEST, Index, Manifest, parse_manifest
from goldenpath.oci.store import Store, listed_together, read
from goldenpath.oci.stream import verified

LEGACY_SUFFIXES = (".sig", ".att")
"""Tags `sha256-<hex>` with these endings hold cosign's older signatures and attestations."""

MAX_MANIFESTS = 10_000
"""Manifests that one copy follows. A store that lists more referrers is refused."""

_SMALL = 2 * 1024 * 1024
_ABSENT_IN_A_ROW = 32
"""Absent blobs in a row after which small blobs are sent without checking first."""

Progress = Callable[[Descriptor, int], None]
"""Called for every copied chunk with the blob's descriptor and the chunk's size in bytes."""


@dataclass(frozen=True, slots=True)
class Copied:
    """The result of a copy."""

    manifests: tuple[Digest, ...]
    """All manifests that are now at the destination, in the order in which they arrived."""
    blobs_copied: int
    blobs_present: int
    bytes_copied: int


def copy(
    source: Store,
    destination: Store,
    descriptor: Descriptor,
    *,
    referrers: bool = True,
    progress: Progress = lambda _descriptor, _size: None,
    workers: int = 8,
) -> Copied:
    """Copy a manifest with its blobs and, by default, everything that refers to it.

    With `referrers`, its referrers are copied too, then their referrers, and the legacy tags of
    each. Content that the destination has is not sent again. Raises `VerificationError` if content
    does not match its descriptor; then no manifest that needs this content is copied.
    """
    with ThreadPoolExecutor(workers, thread_name_prefix="copy") as pool:
        work = _Copy(source, destination, progress, pool)
        with listed_together(destination):
            work.tree(descriptor, referrers=referrers)
    return Copied(tuple(work.manifests), work.copied, work.present, work.size)


def legacy_tag(digest: Digest, suffix: str) -> str:
    """Return the tag under which older tools look for signatures of `digest`."""
    return f"sha256-{digest.hex}{suffix}"


class _Copy:
    """One copy in progress. `manifests` holds the copied ones in order, and ends cycles."""

    def __init__(
        self, source: Store, destination: Store, progress: Progress, pool: ThreadPoolExecutor
    ) -> None:
        self._source = source
        self._destination = destination
        self._progress = progress
        self._pool = pool
        self.manifests: dict[Digest, None] = {}
        self._listed: dict[Digest, frozenset[Digest]] = {}
        self._missed = 0
        self.copied = self.present = self.size = 0

    def tree(self, root: Descriptor, *, referrers: bool) -> None:
        """Copy `root` and, level by level, its referrers."""
        waiting = [root]
        while waiting:
            descriptor = waiting.pop(0)
            # Referrers may refer to each other in a circle.
            if descriptor.digest in self.manifests:
                continue
            if len(self.manifests) >= MAX_MANIFESTS:
                raise VerificationError(f"{root.digest} has more than {MAX_MANIFESTS} referrers")
            self._manifest(descriptor)
            if referrers:
                waiting.extend(self._source.referrers(descriptor.digest))
                self._legacy(descriptor.digest)

    def _manifest(self, descriptor: Descriptor) -> None:
        content = read(self._source, descriptor, MAX_MANIFEST)
        manifest = parse_manifest(descriptor.media_type, content)
        if isinstance(manifest, Index):
            for child in manifest.manifests:
                if child.digest not in self.manifests:
                    self._manifest(child)
        else:
            # A manifest follows its content, so that a killed copy leaves no manifest with missing
            # blobs.
            self._blobs((*manifest.layers, manifest.config))
        self.manifests[descriptor.digest] = None
        if not self._is_complete(descriptor, manifest):
            self._destination.push(descriptor, [content])

    def _is_complete(self, descriptor: Descriptor, manifest: Manifest | Index) -> bool:
        # A killed writer may have stored a manifest without listing it under its subject. Pushing
        # it again lists it.
        if not self._destination.exists(descriptor):
            return False
        if manifest.subject is None:
            return True
        subject = manifest.subject.digest
        if subject not in self._listed:
            listed = self._destination.referrers(subject)
            self._listed[subject] = frozenset(each.digest for each in listed)
        return descriptor.digest in self._listed[subject]

    def _blobs(self, blobs: Iterable[Descriptor]) -> None:
        once = {blob.digest: blob for blob in blobs}
        for size in self._pool.map(self._blob, once.values()):
            self.copied += size is not None
            self.present += size is None
            self.size += size or 0

    def _blob(self, descriptor: Descriptor) -> int | None:
        if self._is_worth_checking(descriptor) and self._destination.exists(descriptor):
            self._missed = 0
            self._progress(descriptor, descriptor.size)
            return None
        self._missed += 1
        chunks = verified(descriptor, self._source.fetch(descriptor))
        chunks.reporting(lambda size: self._progress(descriptor, size))
        self._destination.push(descriptor, chunks)
        return descriptor.size

    def _is_worth_checking(self, descriptor: Descriptor) -> bool:
        # Blobs are copied in the order of the manifest. After many absent ones the next is probably
        # absent too, and sending a small blob costs little more than the check. If the guess is
        # wrong, a small blob is sent twice.
        return descriptor.size > _SMALL or self._missed < _ABSENT_IN_A_ROW

    def _legacy(self, digest: Digest) -> None:
        for suffix in LEGACY_SUFFIXES:
            tag = legacy_tag(digest, suffix)
            try:
                descriptor = self._source.resolve(tag)
            except NotFound:
                continue
            self._manifest(descriptor)
            self._destination.tag(tag, descriptor)


def plan_size(source: Store, descriptor: Descriptor) -> int:
    """Return the bytes of all blobs of an image, for a progress bar."""
    if descriptor.media_type not in MANIFEST_TYPES:
        return descriptor.size
    manifest = parse_manifest(descriptor.media_type, read(source, descriptor, MAX_MANIFEST))
    if isinstance(manifest, Index):
        return sum(plan_size(source, child) for child in manifest.manifests)
    return sum({blob.digest: blob.size for blob in (*manifest.layers, manifest.config)}.values())
