"""Copying between stores: what pushing, pulling and mirroring all are.

Content goes before what points at it, so that an interrupted copy leaves nothing dangling and the
next one continues where it stopped.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from goldenpath.digest import Digest
from goldenpath.errors import NotFound, VerificationError
from goldenpath.oci.descriptor import MANIFEST_TYPES, Descriptor
from goldenpath.oci.manifest import MAX_MANIFEST, Index, Manifest, parse_manifest
from goldenpath.oci.store import Store, read
from goldenpath.oci.stream import verified

LEGACY_SUFFIXES = (".sig", ".att")
"""Tags `sha256-<hex>` with these endings hold what cosign says in its older form."""

MAX_MANIFESTS = 10_000
"""Manifests one copy follows; a store that lists more referrers than that is not believed."""

_SMALL = 2 * 1024 * 1024
_ROW = 32
"""Absent blobs in a row after which small ones are sent without asking."""

Progress = Callable[[Descriptor, int], None]
"""Told of every chunk that has moved: of what, and how many bytes."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy did."""

    manifests: tuple[Digest, ...]
    """All that are now at the destination, in the order in which they arrived."""
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
    """Copies a manifest with all it needs and, if asked, all that is said about it.

    With `referrers`, everything that refers to it follows, and what refers to that, and the legacy
    tags of each. What the destination has is not sent again. Raises `VerificationError`, and
    completes nothing, when a content is not what its descriptor says.
    """
    with ThreadPoolExecutor(workers, thread_name_prefix="copy") as pool:
        work = _Copy(source, destination, progress, pool)
        work.tree(descriptor, referrers=referrers)
    return Copied(tuple(work.done), work.copied, work.present, work.size)


def legacy_tag(digest: Digest, suffix: str) -> str:
    """The tag under which older tools look for what is said about `digest`."""
    return f"sha256-{digest.hex}{suffix}"


class _Copy:
    """One copy in progress; `done` keeps the order and stops cycles."""

    def __init__(
        self, source: Store, destination: Store, progress: Progress, pool: ThreadPoolExecutor
    ) -> None:
        self._source = source
        self._destination = destination
        self._progress = progress
        self._pool = pool
        self.done: dict[Digest, None] = {}
        self._listed: dict[Digest, frozenset[Digest]] = {}
        self._missed = 0
        self.copied = self.present = self.size = 0

    def tree(self, root: Descriptor, *, referrers: bool) -> None:
        """Copies `root` and, level after level, what refers to it."""
        waiting = [root]
        while waiting:
            descriptor = waiting.pop(0)
            if descriptor.digest in self.done:
                continue
            if len(self.done) >= MAX_MANIFESTS:
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
                if child.digest not in self.done:
                    self._manifest(child)
        else:
            self._blobs((*manifest.layers, manifest.config))
        self.done[descriptor.digest] = None
        if not self._is_complete(descriptor, manifest):
            self._destination.push(descriptor, [content])

    def _is_complete(self, descriptor: Descriptor, manifest: Manifest | Index) -> bool:
        # A manifest that was stored, but not listed under its subject before somebody was killed,
        # is pushed again to get listed.
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
        if self._is_worth_asking(descriptor) and self._destination.exists(descriptor):
            self._missed = 0
            self._progress(descriptor, descriptor.size)
            return None
        self._missed += 1
        chunks = verified(descriptor, self._source.fetch(descriptor))
        chunks.telling(lambda size: self._progress(descriptor, size))
        self._destination.push(descriptor, chunks)
        return descriptor.size

    def _is_worth_asking(self, descriptor: Descriptor) -> bool:
        # Blobs go in the order of the manifest: after a row of absent ones nothing small is there,
        # and sending it costs little more than the question. A wrong guess sends it twice.
        return descriptor.size > _SMALL or self._missed < _ROW

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
    """Bytes of one image's blobs, for a progress bar."""
    if descriptor.media_type not in MANIFEST_TYPES:
        return descriptor.size
    manifest = parse_manifest(descriptor.media_type, read(source, descriptor, MAX_MANIFEST))
    if isinstance(manifest, Index):
        return sum(plan_size(source, child) for child in manifest.manifests)
    return sum({blob.digest: blob.size for blob in (*manifest.layers, manifest.config)}.values())
