"""Evidence cannot be buried: worthless statements, in any number, hide none that counts."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, Unavailable, VerificationError
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.stores.caching import CachingStore
from goldenpath.oci.stores.memory import MemoryStore
from goldenpath.release.attest.attach import attach, attach_ssh, push_referrer
from goldenpath.release.attest.documents import Document
from goldenpath.release.attest.examination import judge
from goldenpath.release.attest.media_types import BUNDLE, SSH_STATEMENT
from goldenpath.release.attest.policy import Demand, Person, Policy
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.release.attest.statement import APPROVAL, DECISION, METRICS, Statement
from goldenpath.release.attest.verify import (
    MAX_WORTHLESS,
    Reading,
    ReadingLimits,
    gather,
    require_all_read,
    verify,
)
from tests.release.attest.releases import NOW, Bench, new_signer
from tests.release.attest.test_verify import _policy, _release

MANY = MAX_WORTHLESS + 50


def by_strangers(it: Bench, _folder: Path) -> None:
    stranger = new_signer()
    for number in range(MANY):
        statement = Statement((it.image.digest,), METRICS, {"number": number})
        attach(it.store, it.image, statement, stranger, now=NOW)


def by_people(it: Bench, folder: Path) -> None:
    key = SshKey.generate(folder / "stranger")
    for number in range(MANY):
        statement = Statement((it.image.digest,), APPROVAL, {"number": number})
        attach_ssh(it.store, it.image, statement, key, now=NOW)


def without_content(it: Bench, _folder: Path) -> None:
    for number in range(MANY):
        kind = (BUNDLE, SSH_STATEMENT)[number % 2]
        push_referrer(it.store, it.image, kind, (), annotations={"number": str(number)})


def by_a_listed_machine(it: Bench, _folder: Path) -> None:
    """Whoever is listed buries nothing either."""
    for number in range(MANY):
        statement = Statement((it.image.digest,), "https://x.example/junk", {"number": number})
        attach(it.store, it.image, statement, it.signer, now=NOW)


@pytest.mark.parametrize("flood", [by_strangers, by_people, without_content, by_a_listed_machine])
def test_a_release_under_a_flood_still_verifies(
    flood: Callable[[Bench, Path], None], tmp_path: Path
) -> None:
    it = _release()
    before = verify(it.store, it.image.digest, _policy(it.signer), now=NOW)
    assert before.holds
    flood(it, tmp_path)

    after = verify(it.store, it.image.digest, _policy(it.signer), now=NOW)

    assert after.holds
    counted = {each.envelope for each in after.statements}
    assert {each.envelope for each in before.statements} <= counted


def test_only_some_of_the_worthless_are_kept(tmp_path: Path) -> None:
    it = _release()
    genuine = len(it.store.referrers(it.image.digest))
    by_strangers(it, tmp_path)

    documents = gather(it.store, it.image.digest, reading=_reading(it))

    assert len(documents.referrers) == genuine + MAX_WORTHLESS
    assert documents.unread == ""


NO_TIME = ReadingLimits(seconds=-1)
NO_BYTES = ReadingLimits(bytes=-1)


@pytest.mark.parametrize("limits", [NO_TIME, NO_BYTES])
def test_what_was_not_read_is_not_found_out_and_never_a_no(limits: ReadingLimits) -> None:
    it = _release()

    documents = gather(it.store, it.image.digest, reading=_reading(it, limits=limits))
    verified = judge(it.image.digest, documents, _policy(it.signer), (), now=NOW)

    assert not verified.holds
    with pytest.raises(Unavailable, match="could not be found out"):
        require_all_read(verified)


class _BadList(CachingStore):
    """A registry whose list of referrers somebody has overwritten."""

    error: Exception = InvalidInput("the tag is not an index")

    def referrers(
        self, subject: Digest, artifact_type: str | None = None
    ) -> tuple[Descriptor, ...]:
        raise self.error


@pytest.mark.parametrize(
    "error", [InvalidInput("no index"), VerificationError("too many pages")], ids=str
)
def test_what_a_commit_names_is_read_without_the_list(error: Exception, tmp_path: Path) -> None:
    it = _release()
    listed = [each.digest for each in it.store.referrers(it.image.digest)]
    key = SshKey.generate(tmp_path / "promoter")
    statement = Statement(
        (it.image.digest,), DECISION, {"evidence": [each.text for each in listed]}
    )
    decision = attach_ssh(it.store, it.image, statement, key, now=NOW)
    store = _BadList(it.store, MemoryStore())
    store.error = error
    people = (Person("promoter", (), key.public_line),)
    reading = _reading(it, named=(decision.digest,), people=people)

    documents = gather(store, it.image.digest, reading=reading)
    verified = judge(it.image.digest, documents, _policy(it.signer), people, now=NOW)

    assert verified.holds
    assert {each.envelope for each in verified.statements} == {decision.digest, *listed}
    assert "cannot be read" in verified.unread
    with pytest.raises(Unavailable, match="could not be found out"):
        verify(store, it.image.digest, _policy(it.signer), now=NOW)


def test_statements_that_cite_each_other_come_to_an_end(tmp_path: Path) -> None:
    it = _release()
    key = SshKey.generate(tmp_path / "promoter")
    last: list[str] = [Digest.of(b"absent").text]
    named = []
    for _ in range(3):
        statement = Statement((it.image.digest,), DECISION, {"evidence": [*last]})
        named.append(attach_ssh(it.store, it.image, statement, key, now=NOW).digest)
        last = [named[-1].text, Digest.of(b"absent").text]

    reading = _reading(it, named=(named[-1], Digest.of(b"absent")))

    assert {*named} <= {each.listed.digest for each in _read(it, reading)}


def test_with_several_workers_the_same_is_read(tmp_path: Path) -> None:
    it = _release()
    by_people(it, tmp_path)

    one, many = (replace(_reading(it), workers=count) for count in (1, 8))

    assert [*_read(it, one)] == [*_read(it, many)]


def _read(it: Bench, reading: Reading) -> Iterator[Document]:
    yield from gather(it.store, it.image.digest, reading=reading).referrers


def _reading(
    it: Bench,
    *,
    named: tuple[Digest, ...] = (),
    limits: ReadingLimits = ReadingLimits(),  # noqa: B008 - a frozen value
    people: tuple[Person, ...] = (),
) -> Reading:
    policy: Policy = _policy(it.signer)
    return Reading(Demand(it.image.digest, policy, people, NOW), named, limits)
