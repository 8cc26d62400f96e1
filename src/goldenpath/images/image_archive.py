"""Writes one image as a tar of an OCI layout, which `ctr images import` and `podman load` read."""

import os
import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from goldenpath.canonical import JsonValue, canonical_json
from goldenpath.oci.descriptor import IMAGE_INDEX, Descriptor
from goldenpath.oci.index_entry import REF_NAME
from goldenpath.oci.manifest import MAX_MANIFEST, Manifest
from goldenpath.oci.store import Store, read
from goldenpath.oci.stores.layout import LAYOUT

_CONTAINERD_NAME = "io.containerd.image.name"


def write_archive(store: Store, image: Descriptor, name: str, file: Path) -> None:
    """Write the image under the full name `name` to `file`, which appears whole or not at all."""
    partial = file.with_name(f".{file.name}.{os.getpid()}.partial")
    try:
        with tarfile.open(partial, "w", format=tarfile.GNU_FORMAT) as archive:
            for path, content in _files(store, image, name):
                entry = tarfile.TarInfo(path)
                entry.size, entry.mode = len(content), 0o644
                archive.addfile(entry, BytesIO(content))
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def _files(store: Store, image: Descriptor, name: str) -> Iterator[tuple[str, bytes]]:
    manifest = Manifest.parse(read(store, image, MAX_MANIFEST))
    tag = name.rpartition("/")[2].partition(":")[2] or "latest"
    listed: dict[str, JsonValue] = {
        **Descriptor(image.media_type, image.digest, image.size).to_json(),
        "annotations": {_CONTAINERD_NAME: name, REF_NAME: tag},
    }
    yield "oci-layout", LAYOUT
    yield (
        "index.json",
        canonical_json({"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [listed]}),
    )
    for blob in (image, manifest.config, *manifest.layers):
        yield f"blobs/sha256/{blob.digest.hex}", b"".join(store.fetch(blob))
