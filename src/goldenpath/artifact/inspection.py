"""What an artifact holds and what hangs on it, as a record for people and programs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from goldenpath.artifact.archive import read_tar
from goldenpath.artifact.pack import FRAME
from goldenpath.digest import Digest
from goldenpath.oci.descriptor import IMAGE_LAYER, Descriptor
from goldenpath.oci.manifest import MAX_MANIFEST, Index, parse_manifest
from goldenpath.oci.store import Store, read
from goldenpath.oci.stream import Meter

OPENED = 64 * 1024 * 1024
"""Bytes of the largest layer that is opened to list its files."""
_TITLE = "org.opencontainers.image.title"
_PREDICATE = (".sigstore.bundle.predicateType", "goldenpath.predicateType")


@dataclass(frozen=True, slots=True)
class File:
    """A file of a release; `digest` is that of its content."""

    path: str
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class LayerEntry:
    """A layer, and its files if it was small enough to be opened."""

    title: str
    digest: str
    size: int
    media_type: str
    files: tuple[File, ...] | None


@dataclass(frozen=True, slots=True)
class Said:
    """A manifest that refers to the artifact; what it says is not verified here."""

    digest: str
    artifact_type: str
    predicate_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Inspection:
    """Everything that a store shows of one artifact."""

    digest: str
    media_type: str
    size: int
    annotations: Mapping[str, str]
    layers: tuple[LayerEntry, ...]
    referrers: tuple[Said, ...]

    @property
    def total(self) -> int:
        """Bytes of all layers."""
        return sum(layer.size for layer in self.layers)


def inspect(store: Store, descriptor: Descriptor) -> Inspection:
    """Reads the manifest, the smaller layers and the list of referrers."""
    manifest = parse_manifest(descriptor.media_type, read(store, descriptor, MAX_MANIFEST))
    layers = manifest.manifests if isinstance(manifest, Index) else manifest.layers
    return Inspection(
        digest=descriptor.digest.text,
        media_type=manifest.artifact_type or descriptor.media_type,
        size=descriptor.size,
        annotations=dict(manifest.annotations),
        layers=tuple(_layer(store, layer) for layer in layers),
        referrers=tuple(_said(each) for each in store.referrers(descriptor.digest)),
    )


def files_of(store: Store, digest: Digest, limit: int = OPENED) -> dict[str, tuple[Digest, bytes]]:
    """Digest of every file in the layers up to `limit` bytes, and the content of the frame's."""
    descriptor = store.resolve(digest.text)
    manifest = parse_manifest(descriptor.media_type, read(store, descriptor, MAX_MANIFEST))
    found = {}
    for layer in () if isinstance(manifest, Index) else manifest.layers:
        if layer.media_type != IMAGE_LAYER or layer.size > limit:
            title = layer.annotations.get(_TITLE, layer.digest.text).removesuffix(".tar")
            found[title] = (layer.digest, b"")
            continue
        for entry, content in read_tar(store.fetch(layer)):
            meter = Meter()
            kept = b"".join(_kept(meter.through(content), entry.path.startswith(FRAME + "/")))
            if not entry.is_folder:
                found[entry.path] = (meter.digest, kept)
    return found


def _kept(chunks: Iterator[bytes], keep: bool) -> Iterator[bytes]:
    for chunk in chunks:
        if keep:
            yield chunk


def _layer(store: Store, layer: Descriptor) -> LayerEntry:
    files = None
    if layer.media_type == IMAGE_LAYER and layer.size <= OPENED:
        files = tuple(_files(store, layer))
    title = layer.annotations.get(_TITLE, "")
    return LayerEntry(title, layer.digest.text, layer.size, layer.media_type, files)


def _files(store: Store, layer: Descriptor) -> Iterator[File]:
    for entry, content in read_tar(store.fetch(layer)):
        digest = Digest.of_chunks(content)
        if not entry.is_folder:
            yield File(entry.path, entry.size, digest.text)


def _said(descriptor: Descriptor) -> Said:
    predicate = next(
        (text for key, text in descriptor.annotations.items() if key.endswith(_PREDICATE)), ""
    )
    kind = descriptor.artifact_type or ""
    return Said(descriptor.digest.text, kind, predicate, descriptor.size)
