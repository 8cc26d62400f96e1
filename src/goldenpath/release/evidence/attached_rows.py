"""The evaluation rows of a release as a referrer: bytes that the signed metrics name by digest."""

from goldenpath.digest import Digest
from goldenpath.errors import NotFound
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.store import Store, read
from goldenpath.release.attest.attach import push_referrer

ROWS = "application/vnd.goldenpath.evaluation.rows.v1"
"""Artifact type of the referrer."""
PARQUET = "application/vnd.apache.parquet"


def attach_rows(store: Store, image: Descriptor, content: bytes) -> Descriptor:
    """Hangs the rows on `image`. They are not signed themselves: the metrics name their digest."""
    rows = Descriptor.of(PARQUET, content)
    store.push(rows, [content])
    return push_referrer(store, image, ROWS, (rows,), annotations={})


def fetch_rows(store: Store, digest: str, size: int, limit: int) -> bytes | None:
    """The rows that signed metrics name, every byte checked; None if the store lacks them.

    Raises `VerificationError` if they are larger than `limit`, or other than named.
    """
    if not digest or size <= 0:
        return None
    try:
        return read(store, Descriptor(PARQUET, Digest(digest), size), limit)
    except NotFound:
        return None
