"""Verifies a digest: gathers what a store holds about it, within bounds, and judges it."""

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
    return judge(digest, gather(store, digest, blobs=blobs), policy, people, now=now)


def gather(
    store: Store,
    digest: Digest,
    *,
    blobs: bool = False,
    watch: TrackProgress = untracked,
    workers: int = 1,
) -> Documents:
    """What the store holds about `digest`; nothing of it is believed yet.

    More `workers` ask a store that is far away for several referrers at a time.
    """
    image, _ = _collect(store, store.resolve(digest.text), MAX_MANIFEST)
    # Cosign lists its bundles under the type of their empty config (formats, section 3.6).
    kinds = (*STATEMENTS, EMPTY)
    every = store.referrers(digest)  # once for all kinds: a registry may take long to answer
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
    """The documents with what is wrong with the blobs of the image, each read to its end.

    A digest stands for the same bytes for ever: what was once read whole (`is_known_whole`) need
    not be read again.
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
    """What the store gives and what is wrong with it: both are shown to the judge."""
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
    found, blobs = [], _blobs(image)
    with watch(sum(blob.size for blob in blobs)) as told:
        for blob in blobs:
            try:
                for chunk in store.fetch(blob):
                    told(len(chunk))
            except (VerificationError, NotFound) as error:
                found.append(error.message)
    return tuple(found)


__all__ = ["gather", "judge", "verify", "with_blobs"]
