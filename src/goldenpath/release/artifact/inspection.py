"""Lists the content and the referrers of an artifact, for `inspect` and other reports."""

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Literal

from goldenpath.canonical import MAX_DOCUMENT
from goldenpath.digest import Digest
from goldenpath.errors import VerificationError
from goldenpath.oci.descriptor import IMAGE_LAYER, Descriptor
from goldenpath.oci.manifest import MAX_MANIFEST, Index, parse_manifest
from goldenpath.oci.store import Store, read
from goldenpath.oci.stream import Meter, verified
from goldenpath.release.artifact.archive import read_tar
from goldenpath.release.artifact.unpack import MAX_FILES

Mark = Literal["verified", "observed", "declared", "unknown"]
"""How well a fact is known.

`verified`: a trusted signature covers it. `observed`: read and hashed here. `declared`: claimed by
somebody without a trusted signature. `unknown`: nothing is known.
"""

_TITLE = "org.opencontainers.image.title"
_PREDICATE = (".sigstore.bundle.predicateType", "goldenpath.predicateType")


@dataclass(frozen=True, slots=True)
class File:
    """A file of a release, with the digest of its content."""

    path: str
    size: int
    digest: str
    content: bytes = b""
    """Empty unless the caller asked for the content of this path."""


@dataclass(frozen=True, slots=True)
class LayerEntry:
    """A layer, with its files if it was opened."""

    title: str
    digest: str
    size: int
    media_type: str
    files: tuple[File, ...] | None


@dataclass(frozen=True, slots=True)
class ReferrerSummary:
    """A manifest that refers to the artifact."""

    digest: str
    artifact_type: str
    predicate_type: str
    size: int
    mark: Mark = "declared"
    signer: str = ""
    """The trusted key or person whose signature covers it."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """The manifest, layers, files and referrers of one artifact."""

    digest: str
    media_type: str
    size: int
    annotations: Mapping[str, str]
    layers: tuple[LayerEntry, ...]
    referrers: tuple[ReferrerSummary, ...]
    mark: Mark = "observed"
    """How well the manifest, and every file that was opened, is known."""
    signers: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """Bytes of all layers."""
        return sum(layer.size for layer in self.layers)


def inspect(
    store: Store,
    descriptor: Descriptor,
    *,
    opens: bool = True,
    progress: Callable[[int], None] = lambda _size: None,
) -> Inspection:
    """Read the manifest, the referrers and, if `opens` is true, every layer to its end.

    `progress` is called with the size of each chunk. Memory stays bounded for layers of any size.
    """
    manifest = parse_manifest(descriptor.media_type, read(store, descriptor, MAX_MANIFEST))
    layers = manifest.manifests if isinstance(manifest, Index) else manifest.layers
    left = MAX_FILES
    entries = []
    for layer in layers:
        files = None
        if opens and layer.media_type == IMAGE_LAYER:
            files = tuple(_files(store, layer, left, progress=progress))
            left -= len(files)
        title = layer.annotations.get(_TITLE, "")
        entries.append(LayerEntry(title, layer.digest.text, layer.size, layer.media_type, files))
    return Inspection(
        digest=descriptor.digest.text,
        media_type=manifest.artifact_type or descriptor.media_type,
        size=descriptor.size,
        annotations=dict(manifest.annotations),
        layers=tuple(entries),
        referrers=tuple(_summary(each) for each in store.referrers(descriptor.digest)),
    )


def files_of(
    store: Store,
    digest: Digest,
    *,
    keep: Set[str] = frozenset(),
    unread: Set[Digest] = frozenset(),
) -> dict[str, File]:
    """Return every file of a release by path, with its content if the path is in `keep`.

    A layer in `unread`, or of another media type, is returned as one file.
    """
    descriptor = store.resolve(digest.text)
    manifest = parse_manifest(descriptor.media_type, read(store, descriptor, MAX_MANIFEST))
    files: dict[str, File] = {}
    for layer in () if isinstance(manifest, Index) else manifest.layers:
        if layer.media_type != IMAGE_LAYER or layer.digest in unread:
            title = layer.annotations.get(_TITLE, layer.digest.text).removesuffix(".tar")
            files[title] = File(title, layer.size, layer.digest.text)
            continue
        for file in _files(store, layer, MAX_FILES - len(files), keep):
            files[file.path] = file
    return files


def _files(
    store: Store,
    layer: Descriptor,
    most: int,
    keep: Set[str] = frozenset(),
    *,
    progress: Callable[[int], None] = lambda _size: None,
) -> Iterator[File]:
    for entry, content in read_tar(verified(layer, store.fetch(layer)).reporting(progress)):
        meter = Meter()
        kept = entry.path in keep and entry.size <= MAX_DOCUMENT
        text = b"".join(_kept(meter.through(content), keep=kept))
        if entry.is_folder:
            continue
        most -= 1
        if most < 0:
            raise VerificationError(
                f"the release holds too many files: expected at most {MAX_FILES}"
            )
        yield File(entry.path, entry.size, meter.digest.text, text)


def _kept(chunks: Iterator[bytes], *, keep: bool) -> Iterator[bytes]:
    for chunk in chunks:
        if keep:
            yield chunk


def _summary(descriptor: Descriptor) -> ReferrerSummary:
    predicate = next(
        (text for key, text in descriptor.annotations.items() if key.endswith(_PREDICATE)), ""
    )
    kind = descriptor.artifact_type or ""
    return ReferrerSummary(descriptor.digest.text, kind, predicate, descriptor.size)
