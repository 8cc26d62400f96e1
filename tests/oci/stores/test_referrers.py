"""Registries that list referrers otherwise than the specification says, each as it was seen."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.oci.copy import copy
from goldenpath.oci.stores.memory import MemoryStore
from tests.oci.contract import put_manifest
from tests.oci.stores.fake_registry import Faults, State, fake_registry
from tests.oci.stores.test_remote import remote

WITHOUT = Faults(has_referrers=False)
HOLDING = {
    "no API": WITHOUT,
    "a promise without an API": replace(WITHOUT, promises=True),
    "an API that lists nothing": Faults(api_is_empty=True),
    "an API that lists nothing, and no promise": replace(WITHOUT, api_is_empty=True),
    "the tag is read as a digest while it is absent": replace(WITHOUT, tag_is_digest="absent"),
    **{f"the API answers {code}": replace(WITHOUT, api_status=code)
       for code in (400, 401, 403, 404, 405, 406, 422, 429, 500, 501, 503)},
    **{f"a web page that answers {code}": replace(WITHOUT, api_page=f"/page/{code}")
       for code in (200, 403, 404, 422, 429, 503)},
}  # fmt: skip


@pytest.fixture
def fake() -> Iterator[State]:
    with fake_registry() as state:
        yield state


@pytest.mark.parametrize("faults", HOLDING.values(), ids=HOLDING)
def test_evidence_is_pushed_once_found_again_and_copied_by_another_process(
    fake: State, faults: Faults
) -> None:
    fake.faults = faults
    pushing = remote(fake.address)
    subject = put_manifest(pushing, b"subject")
    notes = {put_manifest(pushing, name, subject, "text/note").digest for name in (b"a", b"b")}

    reading, copied = remote(fake.address), MemoryStore()
    assert {each.digest for each in reading.referrers(subject.digest)} == notes
    copy(reading, copied, subject)
    assert {each.digest for each in copied.referrers(subject.digest)} == notes
    again = remote(fake.address)
    copy(copied, again, subject)
    assert {each.digest for each in again.referrers(subject.digest)} == notes


def test_api_and_tag_are_read_together(fake: State) -> None:
    fake.faults.has_referrers = False
    subject = put_manifest(remote(fake.address), b"subject")
    before = put_manifest(remote(fake.address), b"before", subject, "text/note")
    fake.faults.has_referrers = True  # the registry was upgraded, and carried nothing over
    after = put_manifest(remote(fake.address), b"after", subject, "text/note")

    listed = {each.digest for each in remote(fake.address).referrers(subject.digest)}
    assert listed == {before.digest, after.digest}


def test_a_registry_that_cannot_hold_evidence_is_named_at_the_push(fake: State) -> None:
    fake.faults = replace(WITHOUT, tag_is_digest="always")
    store = remote(fake.address)
    subject = put_manifest(store, b"subject")

    with pytest.raises(InvalidInput, match="lists no referrers of sha256:") as caught:
        put_manifest(store, b"note", subject, "text/note")
    assert "cannot hold evidence" in str(caught.value.hint)


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_busy_api_beside_an_absent_tag_is_not_taken_for_no_evidence(
    fake: State, code: int
) -> None:
    subject = put_manifest(remote(fake.address), b"subject")
    put_manifest(remote(fake.address), b"note", subject, "text/note")
    fake.faults.api_status = code

    with pytest.raises(Unavailable, match=f"with {code}"):
        remote(fake.address).referrers(subject.digest)


@pytest.mark.parametrize("code", [400, 403, 409, 412])
def test_an_immutable_tag_is_named_with_the_reason_of_the_registry(fake: State, code: int) -> None:
    fake.faults = replace(WITHOUT, immutable=code)
    store = remote(fake.address)
    subject = put_manifest(store, b"subject")
    put_manifest(store, b"first", subject, "text/note")

    with pytest.raises(InvalidInput, match="is immutable") as caught:
        put_manifest(store, b"second", subject, "text/note")
    assert "allow the tags sha256-*" in str(caught.value.hint)


@pytest.mark.parametrize("code", [400, 403, 409, 412])
def test_an_immutable_tag_may_be_pushed_again_but_not_moved(fake: State, code: int) -> None:
    store = remote(fake.address)
    one, two = put_manifest(store, b"one"), put_manifest(store, b"two")
    store.tag("v1", one)
    fake.faults.immutable = code

    store.tag("v1", one)
    with pytest.raises(InvalidInput, match="the tag v1 is immutable"):
        store.tag("v1", two)
    assert store.resolve("v1").digest == one.digest
