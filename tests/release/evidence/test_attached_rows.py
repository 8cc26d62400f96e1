"""Rows are copied with a release, and are used only if the signed metrics have their digest."""

import pytest

from goldenpath.digest import Digest
from goldenpath.errors import VerificationError
from goldenpath.oci.copy import copy
from goldenpath.oci.descriptor import IMAGE_MANIFEST, Descriptor
from goldenpath.oci.manifest import Manifest
from goldenpath.oci.stores.memory import MemoryStore
from goldenpath.release.evidence.attached_rows import attach_rows, fetch_rows

CONTENT = b"PAR1 rows"
NAME = Digest.of(CONTENT).text


def released() -> tuple[MemoryStore, Descriptor]:
    store = MemoryStore()
    config = Descriptor.of("application/json", b"{}")
    store.push(config, [b"{}"])
    manifest = Manifest(config, ()).render()
    image = Descriptor.of(IMAGE_MANIFEST, manifest)
    store.push(image, [manifest])
    attach_rows(store, image, CONTENT)
    return store, image


def test_the_rows_follow_a_copy_of_the_release() -> None:
    store, image = released()
    elsewhere = MemoryStore()

    copy(store, elsewhere, image, referrers=True)

    assert fetch_rows(elsewhere, NAME, len(CONTENT), 100) == CONTENT


def test_rows_that_are_absent_or_not_named_are_none() -> None:
    store, _ = released()

    assert fetch_rows(store, Digest.of(b"other").text, 5, 100) is None
    assert fetch_rows(store, "", 0, 100) is None


def test_rows_of_another_size_or_too_many_are_refused() -> None:
    store, _ = released()

    with pytest.raises(VerificationError):
        fetch_rows(store, NAME, len(CONTENT) - 1, 100)
    with pytest.raises(VerificationError, match="too large"):
        fetch_rows(store, NAME, len(CONTENT), 3)
