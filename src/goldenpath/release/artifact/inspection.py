"""What an artifact holds and what hangs on it, as a record for people and programs."""

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
"""How well something is known: under a signature that counts; read and hashed here; said by
somebody; not at all."""

_TITLE = "org.opencontainers.image.title"
_PREDICATE = (".sigstore.bundle.predicateType", "goldenpath.predicateType")


@dataclass(frozen=True, slots=True)
class File:
    """A file of a release; `digest` is that of its content."""

    path: str
    size: int
    digest: str
    content: bytes = b""
    """Of the files that were asked for by name."""


@dataclass(frozen=True, slots=True)
class LayerEntry:
    """A layer, and its files if it was opened."""

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
    """Everything that a store shows of one artifact."""

    digest: str
    media_type: str
    size: int
    annotations: Mapping[str, str]
    layers: tuple[LayerEntry, ...]
    referrers: tuple[ReferrerSummary, ...]
    mark: Mark = "observed"
    """Of the manifest, and of every file that was opened."""
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
    told: Callable[[int], None] = lambda _size: None,
) -> Inspection:
    """Reads the manifest and the list of referrers; if it `opens` them, every layer to its end.

    `told` hears how many bytes of layers passed. Memory stays bounded whatever their size.
    """
    manifest = parse_manifest(descriptor.media_type, read(store, descriptor, MAX_MANIFEST))
    layers = manifest.manifests if isinstance(manifest, Index) else manifest.layers
    left = MAX_FILES
    entries = []
    for layer in layers:
        files = None
        if opens and layer.media_type == IMAGE_LAYER:
            files = tuple(_files(store, layer, left, told=told))
            left -= len(files)
        title = layer.annotations.get(_TITLE, "")
        entries.append(LayerEntry(title, layer.digest.text, layer.size, layer.media_type, files))
    return Inspection(
        digest=descriptor.digest.text,
        media_type=manifest.artifact_type or descriptor.media_type,
        size=descriptor.size,
        annotations=dict(manifest.annotations),
        layers=tuple(entries),
        referrers=tuple(_said(each) for each in store.referrers(descriptor.digest)),
    )


def files_of(
    store: Store,
    digest: Digest,
    *,
    keep: Set[str] = frozenset(),
    unread: Set[Digest] = frozenset(),
) -> dict[str, File]:
    """Every file of a release by path, with its content if its path is in `keep`.

    A layer in `unread`, and one that is no tar of ours, stands for its files.
    """
    descriptor = store.resolve(digest.text)
    manifest = parse_manifest(descriptor.media_type, read(store, descriptor, MAX_MANIFEST))
    found: dict[str, File] = {}
    for layer in () if isinstance(manifest, Index) else manifest.layers:
        if layer.media_type != IMAGE_LAYER or layer.digest in unread:
            title = layer.annotations.get(_TITLE, layer.digest.text).removesuffix(".tar")
            found[title] = File(title, layer.size, layer.digest.text)
            continue
        for file in _files(store, layer, MAX_FILES - len(found), keep):
            found[file.path] = file
    return found


def _files(
    store: Store,
    layer: Descriptor,
    most: int,
    keep: Set[str] = frozenset(),
    *,
    told: Callable[[int], None] = lambda _size: None,
) -> Iterator[File]:
    for entry, content in read_tar(verified(layer, store.fetch(layer)).reporting(told)):
        meter = Meter()
        kept = entry.path in keep and entry.size <= MAX_DOCUMENT
        text = b"".join(_kept(meter.through(content), keep=kept))
        if entry.is_folder:
            continue
        most -= 1
        if most < 0:
            raise VerificationError(f"the release holds more than {MAX_FILES} files")
        yield File(entry.path, entry.size, meter.digest.text, text)


def _kept(chunks: Iterator[bytes], *, keep: bool) -> Iterator[bytes]:
    for chunk in chunks:
        if keep:
            yield chunk


def _said(descriptor: Descriptor) -> ReferrerSummary:
    predicate = next(
        (text for key, text in descriptor.annotations.items() if key.endswith(_PREDICATE)), ""
    )
    kind = descriptor.artifact_type or ""
    return ReferrerSummary(descriptor.digest.text, kind, predicate, descriptor.size)
