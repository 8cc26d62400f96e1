"""The contract that every implementation of `Store` passes."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound, VerificationError
from goldenpath.oci.descriptor import EMPTY, EMPTY_CONTENT, IMAGE_INDEX, IMAGE_MANIFEST, Descriptor
from goldenpath.oci.manifest import Index, Manifest
from goldenpath.oci.store import Store, read

BLOB = "application/octet-stream"


def put(store: Store, content: bytes, media_type: str = BLOB) -> Descriptor:
    """Store a blob and return its descriptor."""
    descriptor = Descriptor.of(media_type, content)
    store.push(descriptor, [content])
    return descriptor


def put_manifest(
    store: Store, layer: bytes, subject: Descriptor | None = None, artifact_type: str | None = None
) -> Descriptor:
    """Store a manifest of one layer, with its blobs."""
    manifest = Manifest(
        config=put(store, EMPTY_CONTENT, EMPTY),
        layers=(put(store, layer),),
        subject=subject,
        artifact_type=artifact_type,
        annotations={"about": layer.decode()},
    )
    return put(store, manifest.render(), IMAGE_MANIFEST)


class StoreContract:
    """Each implementation has a subclass, which overrides the fixture `store`."""

    @pytest.fixture
    def store(self) -> Iterator[Store]:
        """An empty store."""
        raise NotImplementedError

    def test_pushed_content_is_fetched(self, store: Store) -> None:
        content = bytes(range(256)) * 10_000
        descriptor = put(store, content)

        assert b"".join(store.fetch(descriptor)) == content
        assert store.exists(descriptor)

    def test_an_empty_blob_is_stored(self, store: Store) -> None:
        assert read(store, put(store, b""), 10) == b""

    def test_absent_content_is_not_found(self, store: Store) -> None:
        absent = Descriptor.of(BLOB, b"absent")

        assert not store.exists(absent)
        with pytest.raises(NotFound):
            list(store.fetch(absent))
        with pytest.raises(NotFound):
            store.resolve("absent")
        with pytest.raises(NotFound):
            store.resolve(absent.digest.text)

    def test_a_blob_of_unknown_digest_is_hashed_while_it_is_stored(self, store: Store) -> None:
        descriptor = store.add(BLOB, iter([b"one", b"two"]))

        assert descriptor == Descriptor.of(BLOB, b"onetwo")
        assert read(store, descriptor, 10) == b"onetwo"

    @pytest.mark.parametrize("content", [b"c0ntent", b"conten", b"contents", b""])
    def test_wrong_content_is_refused_and_not_kept(self, store: Store, content: bytes) -> None:
        promised = Descriptor.of(BLOB, b"content")

        with pytest.raises(VerificationError):
            store.push(promised, [content])

        assert not store.exists(promised)

    def test_a_wrong_manifest_is_refused_and_not_kept(self, store: Store) -> None:
        promised = Descriptor.of(IMAGE_MANIFEST, b"{}")

        with pytest.raises(VerificationError):
            store.push(promised, [b"[]"])
        with pytest.raises(InvalidInput):
            store.push(promised, [b"{}"])

        assert not store.exists(promised)

    def test_a_wrong_size_is_refused_on_reading(self, store: Store) -> None:
        right = put(store, b"content")

        for size in (6, 8):
            with pytest.raises(VerificationError):
                list(store.fetch(Descriptor(BLOB, right.digest, size)))

    def test_pushing_twice_is_the_same_as_once(self, store: Store) -> None:
        first = put_manifest(store, b"layer")

        assert put_manifest(store, b"layer") == first
        assert read(store, first, 10_000)

    def test_a_tag_names_a_manifest_and_moves(self, store: Store) -> None:
        old, new = put_manifest(store, b"old"), put_manifest(store, b"new")

        store.tag("v1", old)
        store.tag("latest", old)
        store.tag("latest", new)

        assert (store.resolve("v1"), store.resolve("latest")) == (old, new)
        assert store.resolve(old.digest.text) == old
        assert store.tags() == ("latest", "v1")

    def test_two_tags_may_name_one_manifest(self, store: Store) -> None:
        manifest = put_manifest(store, b"layer")

        store.tag("a", manifest)
        store.tag("b", manifest)

        assert store.resolve("a") == store.resolve("b") == manifest

    def test_a_tag_needs_a_stored_manifest(self, store: Store) -> None:
        with pytest.raises((NotFound, InvalidInput)):
            store.tag("v1", Descriptor.of(IMAGE_MANIFEST, b"absent"))

        assert store.tags() == ()

    def test_referrers_are_listed_with_type_and_annotations(self, store: Store) -> None:
        subject = put_manifest(store, b"subject")
        signature = put_manifest(store, b"signature", subject, "text/signature")
        bill = put_manifest(store, b"bill", subject, "text/bill")
        put_manifest(store, b"other", signature, "text/signature")

        found = store.referrers(subject.digest)

        assert [d.digest for d in found] == sorted((signature.digest, bill.digest))
        assert {d.artifact_type for d in found} == {"text/signature", "text/bill"}
        assert {d.annotations["about"] for d in found} == {"signature", "bill"}
        assert [d.digest for d in store.referrers(subject.digest, "text/bill")] == [bill.digest]

    def test_a_referrer_without_artifact_type_shows_its_config_type(self, store: Store) -> None:
        subject = put_manifest(store, b"subject")
        put_manifest(store, b"note", subject)

        assert [d.artifact_type for d in store.referrers(subject.digest)] == [EMPTY]

    def test_a_subject_may_arrive_after_its_referrer(self, store: Store) -> None:
        late = Descriptor.of(IMAGE_MANIFEST, b"not here yet")
        early = put_manifest(store, b"early", late, "text/note")

        assert [d.digest for d in store.referrers(late.digest)] == [early.digest]
        assert store.referrers(Digest.of(b"nothing refers to this")) == ()

    def test_an_index_is_a_manifest_too(self, store: Store) -> None:
        child = put_manifest(store, b"child")
        index = put(store, Index((child,)).render(), IMAGE_INDEX)

        store.tag("all", index)

        assert store.resolve("all") == index

    def test_many_threads_push_at_once_and_nothing_is_lost(self, store: Store) -> None:
        subject = put_manifest(store, b"subject")

        with ThreadPoolExecutor(8) as pool:
            names = [f"note{number}".encode() for number in range(16)]
            made = set(
                pool.map(lambda name: put_manifest(store, name, subject, "text/note"), names)
            )

        assert {d.digest for d in store.referrers(subject.digest)} == {d.digest for d in made}
