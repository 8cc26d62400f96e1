"""Verifies a digest: reads everything that a store holds about it, within limits, and judges it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound, VerificationError
from goldenpath.oci.descriptor import EMPTY, Descriptor
from goldenpath.oci.manifest import MAX_MANIFEST, Manifest
from goldenpath.oci.store import Store
from goldenpath.oci.stream import TrackProgress, untracked
from goldenpath.release.attest.documents import STATEMENTS, Document, Documents
from goldenpath.release.attest.examination import judge
from goldenpath.release.attest.policy import Person, Policy, Verified

MAX_REFERRERS = 200
MAX_STATEMENT = 16 * 1024 * 1024
"""Bytes of the largest statement that is read."""
MAX_LAYERS = 2
"""Layers of a referrer that are read. A statement has one or two layers."""


def verify(
    store: Store,
    digest: Digest,
    policy: Policy,
    *,
    people: Sequence[Person] = (),
    now: datetime,
    blobs: bool = False,
) -> Verified:
    """Return all statements that count about `digest`. With `blobs`, reads the whole image too.

    Raises `NotFound` if the store has no such manifest.
    """
    return judge(digest, gather(store, digest, blobs=blobs), policy, people, now=now)


def gather(
    store: Store,
    digest: Digest,
    *,
    blobs: bool = False,
    watch: TrackProgress = untracked,
    workers: int = 1,
) -> Documents:
    """Read everything that the store holds about `digest`; nothing of it is verified yet.

    With more `workers`, several referrers are read at the same time, for a distant registry.
    """
    image, _ = _collect(store, store.resolve(digest.text), MAX_MANIFEST)
    # Registries list cosign's bundles under the type of their empty config.
    kinds = (*STATEMENTS, EMPTY)
    every = store.referrers(digest)  # one request for all kinds, since a registry may be slow
    listed = [each for kind in kinds for each in every if each.artifact_type == kind]
    documents = Documents(
        image=image,
        referrers=_documents(store, listed[:MAX_REFERRERS], workers),
        left_out=max(0, len(listed) - MAX_REFERRERS),
    )
    return with_blobs(store, documents, watch=watch) if blobs else documents


def with_blobs(
    store: Store,
    documents: Documents,
    *,
    is_known_whole: bool = False,
    watch: TrackProgress = untracked,
) -> Documents:
    """Read every blob of the image to its end, and add the faults to the documents.

    Content never changes under its digest. So an image that was read before (`is_known_whole`) is
    not read again.
    """
    faults = () if is_known_whole else _faults(store, documents.image, watch)
    return replace(documents, blobs=len(_blobs(documents.image)), faults=faults)


def _documents(store: Store, listed: Sequence[Descriptor], workers: int) -> tuple[Document, ...]:
    if workers == 1:
        return tuple(_document(store, each) for each in listed)
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(workers, thread_name_prefix="gather") as pool:
        return tuple(pool.map(lambda each: _document(store, each), listed))


def _document(store: Store, listed: Descriptor) -> Document:
    manifest, fault = _collect(store, listed, MAX_MANIFEST)
    layers: list[bytes] = []
    try:
        for layer in Manifest.parse(manifest).layers[:MAX_LAYERS]:
            content, wrong = _collect(store, layer, MAX_STATEMENT)
            layers.append(content)
            fault = fault or wrong
    except InvalidInput as error:
        fault = fault or error.message
    return Document(listed, manifest, tuple(layers), fault)


def _collect(store: Store, descriptor: Descriptor, limit: int) -> tuple[bytes, str]:
    """Return the content that the store returned, and what is wrong with it."""
    if descriptor.size > limit:
        return b"", f"{descriptor.digest} is too large: expected at most {limit} bytes"
    chunks: list[bytes] = []
    try:
        chunks.extend(store.fetch(descriptor))
    except (VerificationError, NotFound) as error:
        return b"".join(chunks), error.message
    return b"".join(chunks), ""


def _blobs(image: bytes) -> tuple[Descriptor, ...]:
    manifest = Manifest.parse(image)
    return (manifest.config, *manifest.layers)


def _faults(store: Store, image: bytes, watch: TrackProgress) -> tuple[str, ...]:
    faults, blobs = [], _blobs(image)
    with watch(sum(blob.size for blob in blobs)) as progress:
        for blob in blobs:
            try:
                for chunk in store.fetch(blob):
                    progress(len(chunk))
            except (VerificationError, NotFound) as error:
                faults.append(error.message)
    return tuple(faults)


__all__ = ["gather", "judge", "verify", "with_blobs"]
