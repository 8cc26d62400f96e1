"""A registry with a cache on this machine: the contract, and which reads the cache answers."""

from pathlib import Path

import pytest

from goldenpath.errors import NotFound, Unavailable, VerificationError
from goldenpath.oci.store import Store, read
from goldenpath.oci.stores.caching import CachingStore
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.oci.stores.memory import MemoryStore
from tests.oci.contract import StoreContract, put_manifest
from tests.oci.stores.fake_registry import fake_registry
from tests.oci.stores.test_remote import remote


class TestCachingStore(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return CachingStore(MemoryStore(), MemoryStore())


def test_a_pulled_release_is_read_without_the_registry(tmp_path: Path) -> None:
    with fake_registry() as registry:
        store = CachingStore(remote(registry.address), LayoutStore(tmp_path))
        image = put_manifest(store, b"image")
        note = put_manifest(store, b"note", image, "text/note")
        put_manifest(store, b"junk", image, "text/note")
        store.pull(image.digest, [note])
        asked = len(registry.asked)

        assert read(store, image, 10_000)
        assert len(registry.asked) == asked

    store = CachingStore(remote(registry.address), LayoutStore(tmp_path))
    assert store.resolve(image.digest.text) == image
    assert [each.digest for each in store.referrers(image.digest)] == [note.digest]
    with pytest.raises(Unavailable):
        store.resolve("v1")
    with pytest.raises(Unavailable):  # the registry may have it
        store.resolve("sha256:" + "0" * 64)


def test_a_release_that_the_registry_lost_is_not_resolved_from_the_cache(tmp_path: Path) -> None:
    cache = LayoutStore(tmp_path)
    built = put_manifest(cache, b"built here, never pushed")

    with fake_registry() as registry, pytest.raises(NotFound) as raised:
        CachingStore(remote(registry.address), cache).resolve(built.digest.text)

    assert "goldenpath push" in (raised.value.hint or "")


def test_wrong_bytes_of_a_registry_are_not_cached(tmp_path: Path) -> None:
    with fake_registry() as registry:
        store = CachingStore(remote(registry.address), LayoutStore(tmp_path))
        image = put_manifest(store, b"image")
        registry.faults.wrong_bytes = True

        with pytest.raises(VerificationError):
            store.pull(image.digest, [])

    assert not store.cache.exists(image)
