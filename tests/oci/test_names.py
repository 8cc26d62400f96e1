"""The names by which people may name a manifest."""

import pytest

from goldenpath.errors import NotFound
from goldenpath.oci.names import find
from goldenpath.oci.stores.memory import MemoryStore
from tests.oci.contract import put_manifest


def test_a_tag_a_digest_or_its_first_digits_name_a_manifest() -> None:
    store = MemoryStore()
    manifest = put_manifest(store, b"layer")
    store.tag("v1", manifest)

    for name in ("v1", manifest.digest.text, manifest.digest.hex, manifest.digest.hex[:8]):
        assert find(store, name) == manifest
    assert find(store, manifest.digest.text[:20]) == manifest


def test_too_few_digits_or_unknown_ones_are_not_found() -> None:
    store = MemoryStore()
    store.tag("v1", put_manifest(store, b"layer"))

    with pytest.raises(NotFound):
        find(store, "00000000")
    with pytest.raises(NotFound):
        find(store, store.resolve("v1").digest.hex[:7])


def test_a_tag_that_looks_like_digits_is_a_tag() -> None:
    store = MemoryStore()
    manifest = put_manifest(store, b"layer")
    store.tag("deadbeef", manifest)

    assert find(store, "deadbeef") == manifest
