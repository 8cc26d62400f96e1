"""Verifies a digest: gathers what a store holds about it, within bounds, and judges it."""

from collections.abc import Sequence
from datetime import datetime

from goldenpath.attest.documents import STATEMENTS, Document, Documents
from goldenpath.attest.judge import judge
from goldenpath.attest.policy import Person, Policy, Verified
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound, VerificationError
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.manifest import MAX_MANIFEST, Manifest
from goldenpath.oci.store import Store, read

MAX_REFERRERS = 200
MAX_STATEMENT = 16 * 1024 * 1024
"""Bytes of the largest statement that is read."""
MAX_LAYERS = 2
"""Layers of a referrer that are read; one more is enough to know that it is no statement."""


def verify(
    store: Store,
    digest: Digest,
    policy: Policy,
    *,
    people: Sequence[Person] = (),
    now: datetime,
    blobs: bool = False,
) -> Verified:
    """All that counts about `digest`. With `blobs`, every byte of the image is read as well.

    Raises `NotFound` if the store has no such manifest.
    """
    return judge(digest, gather(store, digest, blobs=blobs), policy, people, now)


def gather(store: Store, digest: Digest, *, blobs: bool = False) -> Documents:
    """What the store holds about `digest`; nothing of it is believed yet."""
    image = store.resolve(digest.text)
    content = read(store, image, MAX_MANIFEST)
    listed = [each for kind in STATEMENTS for each in store.referrers(digest, kind)]
    faults = _faults(store, content) if blobs else ()
    return Documents(
        image=content,
        referrers=tuple(_document(store, each) for each in listed[:MAX_REFERRERS]),
        left_out=max(0, len(listed) - MAX_REFERRERS),
        blobs=len(_blobs(content)) if blobs else None,
        faults=faults,
    )


def _document(store: Store, listed: Descriptor) -> Document:
    manifest, layers = b"", []
    try:
        manifest = read(store, listed, MAX_MANIFEST)
        for layer in Manifest.parse(manifest).layers[:MAX_LAYERS]:
            chunks: list[bytes] = []
            try:
                _read_into(store, layer, chunks)
            finally:
                layers.append(b"".join(chunks))
    except (VerificationError, NotFound, InvalidInput) as error:
        return Document(listed, manifest, tuple(layers), error.message)
    return Document(listed, manifest, tuple(layers))


def _read_into(store: Store, descriptor: Descriptor, chunks: list[bytes]) -> None:
    if descriptor.size > MAX_STATEMENT:
        raise VerificationError(f"{descriptor.digest} is larger than {MAX_STATEMENT} bytes")
    chunks.extend(store.fetch(descriptor))


def _blobs(image: bytes) -> tuple[Descriptor, ...]:
    manifest = Manifest.parse(image)
    return (manifest.config, *manifest.layers)


def _faults(store: Store, image: bytes) -> tuple[str, ...]:
    found = []
    for blob in _blobs(image):
        try:
            for _ in store.fetch(blob):
                pass
        except (VerificationError, NotFound) as error:
            found.append(error.message)
    return tuple(found)


__all__ = ["gather", "judge", "verify"]
