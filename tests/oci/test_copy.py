"""Copying between stores."""

from pathlib import Path

import pytest

from goldenpath.digest import Digest
from goldenpath.errors import VerificationError
from goldenpath.oci.copy import copy, legacy_tag
from goldenpath.oci.descriptor import IMAGE_INDEX, Descriptor
from goldenpath.oci.manifest import Index
from goldenpath.oci.store import Store
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.oci.stores.memory import MemoryStore
from tests.oci.contract import put, put_manifest


@pytest.fixture(params=["memory", "layout"])
def destination(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return MemoryStore() if request.param == "memory" else LayoutStore(tmp_path / "to")


def _everything(store: Store) -> tuple[Descriptor, set[Digest]]:
    image = put_manifest(store, b"image")
    note = put_manifest(store, b"note", image, "text/note")
    reply = put_manifest(store, b"reply", note, "text/reply")
    signature = put_manifest(store, b"signature")
    store.tag(legacy_tag(image.digest, ".sig"), signature)
    return image, {image.digest, note.digest, reply.digest, signature.digest}


def test_referrers_and_legacy_tags_are_copied_too(destination: Store) -> None:
    source = MemoryStore()
    image, everything = _everything(source)

    copied = copy(source, destination, image)

    assert set(copied.manifests) == everything
    assert destination.resolve(image.digest.text) == image
    assert len(destination.referrers(image.digest)) == 1
    assert destination.resolve(legacy_tag(image.digest, ".sig"))


def test_without_referrers_only_the_manifest_is_copied(destination: Store) -> None:
    source = MemoryStore()
    image, _ = _everything(source)

    assert copy(source, destination, image, referrers=False).manifests == (image.digest,)
    assert destination.referrers(image.digest) == ()


def test_present_content_is_not_copied_again(destination: Store) -> None:
    source = MemoryStore()
    image, _ = _everything(source)
    moved: list[int] = []

    first = copy(source, destination, image, progress=lambda _, size: moved.append(size))
    second = copy(source, destination, image)

    assert first.bytes_copied > 0
    assert sum(moved) >= first.bytes_copied
    assert (second.blobs_copied, second.bytes_copied) == (0, 0)


def test_copying_an_index_copies_its_manifests(destination: Store) -> None:
    source = MemoryStore()
    child = put_manifest(source, b"child")
    index = put(source, Index((child,)).render(), IMAGE_INDEX)

    copy(source, destination, index)

    assert destination.resolve(child.digest.text) == child


def test_a_manifest_with_a_damaged_blob_is_not_copied(tmp_path: Path, destination: Store) -> None:
    source = LayoutStore(tmp_path / "from")
    image = put_manifest(source, b"image")
    blob = tmp_path / "from" / "blobs" / "sha256" / Digest.of(b"image").hex
    blob.write_bytes(b"imagE")

    with pytest.raises(VerificationError):
        copy(source, destination, image)

    assert not destination.exists(image)
