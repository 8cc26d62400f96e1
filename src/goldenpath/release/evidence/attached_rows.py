"""The evaluation rows of a release as a referrer; the signed metrics contain their digest."""

from goldenpath.digest import Digest
from goldenpath.errors import NotFound
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.store import Store, read
from goldenpath.release.attest.attach import push_referrer

ROWS = "application/vnd.goldenpath.evaluation.rows.v1"
"""Artifact type of the referrer."""
PARQUET = "application/vnd.apache.parquet"


def attach_rows(store: Store, image: Descriptor, content: bytes) -> Descriptor:
    """Attach the rows to `image`. They need no signature: the signed metrics have their digest."""
    rows = Descriptor.of(PARQUET, content)
    store.push(rows, [content])
    return push_referrer(store, image, ROWS, (rows,), annotations={})


def fetch_rows(store: Store, digest: str, size: int, limit: int) -> bytes | None:
    """Return the rows with this digest, every byte verified; None if the store lacks them.

    Raises `VerificationError` if they are larger than `limit` or have another digest.
    """
    if not digest or size <= 0:  # metrics of before these rows were attached
        return None
    try:
        return read(store, Descriptor(PARQUET, Digest(digest), size), limit)
    except NotFound:
        return None
