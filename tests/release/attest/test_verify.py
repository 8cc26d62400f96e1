"""What the verifier accepts, what it refuses, and what it says about it."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import NotFound
from goldenpath.release.attest.attach import attach, attach_ssh, sign_image
from goldenpath.release.attest.keys import PemSigner, key_from_pem, public_pem
from goldenpath.release.attest.policy import Finding, Person, Policy, Verified
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.release.attest.statement import (
    APPROVAL,
    DECISION,
    EVIDENCE,
    METRICS,
    SIGNED,
    Statement,
)
from goldenpath.release.attest.verify import verify
from goldenpath.release.evidence.training_statements import statements
from tests.release.attest.releases import (
    LATER,
    NOW,
    REPOSITORY,
    Bench,
    bench,
    new_signer,
    push_image,
)
from tests.release.attest.runs import BUILDER, REMOTE, training_run


def _release() -> Bench:
    it = bench()
    for each in statements(training_run(), (it.image.digest,), builder=BUILDER):
        attach(it.store, it.image, each, it.signer, now=NOW)
    sign_image(it.store, it.image, REPOSITORY, it.signer, now=NOW)
    return it


def _policy(*signers: PemSigner, threshold: int = 1) -> Policy:
    keys = tuple(
        key_from_pem(f"key {number}", public_pem(signer)) for number, signer in enumerate(signers)
    )
    return Policy(keys, (SIGNED, *EVIDENCE), threshold, REMOTE, BUILDER)


def _failed(verified: Verified) -> list[Finding]:
    return [finding for finding in verified.findings if finding.status == "fail"]


def test_a_signed_release_with_its_evidence_holds() -> None:
    it = _release()

    verified = verify(it.store, it.image.digest, _policy(it.signer), now=LATER, blobs=True)

    assert verified.holds, _failed(verified)
    assert {s.statement.predicate_type for s in verified.statements} == {SIGNED, *EVIDENCE}
    assert {s.signer for s in verified.statements} == {"key 0"}


def test_an_unsigned_image_does_not_hold() -> None:
    it = bench()

    verified = verify(it.store, it.image.digest, _policy(it.signer), now=NOW)

    assert not verified.holds
    assert {finding.check for finding in _failed(verified)} == {"threshold", "required"}
    assert all(finding.cure for finding in _failed(verified))


def test_an_absent_image_is_not_found() -> None:
    with pytest.raises(NotFound):
        verify(bench().store, Digest.of(b"absent"), _policy(new_signer()), now=NOW)


def test_another_key_counts_for_nothing() -> None:
    it = _release()

    verified = verify(it.store, it.image.digest, _policy(new_signer()), now=NOW)

    assert not verified.holds
    assert verified.statements == ()


def test_an_attestation_is_not_a_signature() -> None:
    it = bench()
    for each in statements(training_run(), (it.image.digest,), builder=BUILDER):
        attach(it.store, it.image, each, it.signer, now=NOW)

    verified = verify(it.store, it.image.digest, _policy(it.signer), now=NOW)

    assert [finding.check for finding in _failed(verified)] == ["threshold"]


def test_two_keys_have_to_sign_where_two_are_wanted() -> None:
    it, other = _release(), new_signer()
    sign_image(it.store, it.image, REPOSITORY, it.signer, now=LATER)
    policy = _policy(it.signer, other, threshold=2)

    one = verify(it.store, it.image.digest, policy, now=LATER)
    sign_image(it.store, it.image, REPOSITORY, other, now=LATER)
    two = verify(it.store, it.image.digest, policy, now=LATER)

    assert not one.holds
    assert two.holds


@pytest.mark.parametrize(
    ("limits", "holds"),
    [
        ({"valid_from": NOW - timedelta(days=1)}, True),
        ({"valid_from": NOW + timedelta(days=1)}, False),
        ({"valid_until": NOW + timedelta(days=1)}, True),
        ({"valid_until": NOW}, False),
        ({"revoked_at": NOW + timedelta(days=1)}, True),
        ({"revoked_at": NOW}, False),
    ],
)
def test_a_key_counts_for_what_it_signed_while_it_was_valid(
    limits: dict[str, object], holds: bool
) -> None:
    it = _release()
    policy = _policy(it.signer)
    [key] = policy.keys
    key = replace(key, **limits)  # type: ignore[arg-type]

    verified = verify(it.store, it.image.digest, replace(policy, keys=(key,)), now=LATER)

    assert verified.holds is holds


@pytest.mark.parametrize("end", ["valid_until", "revoked_at"])
@pytest.mark.parametrize(
    ("seen", "holds"),
    [(None, True), (timedelta(0), True), (timedelta(minutes=29), True),
     (timedelta(minutes=30), False), ("unseen", False)],
)  # fmt: skip
def test_a_key_that_has_ended_counts_for_what_somebody_saw_before(
    end: str, seen: timedelta | str | None, holds: bool
) -> None:
    it = _release()
    policy = _policy(it.signer)
    key = replace(policy.keys[0], **{end: NOW + timedelta(minutes=30)})  # type: ignore[arg-type]
    all_of_it = [each.digest for each in it.store.referrers(it.image.digest)]
    times: dict[Digest, datetime] | None = None if seen is None else {}
    if isinstance(seen, timedelta):
        times = dict.fromkeys(all_of_it, NOW + seen)

    verified = verify(
        it.store, it.image.digest, replace(policy, keys=(key,)), now=LATER, seen=times
    )

    assert verified.holds is holds
    if not holds:
        assert "nobody is known to have seen it before" in str(verified.findings)


def test_what_a_seen_decision_cites_was_there_before_it() -> None:
    it = _release()
    policy = _policy(it.signer)
    key = replace(policy.keys[0], revoked_at=NOW + timedelta(minutes=30))
    evidence: list[JsonValue] = [each.digest.text for each in it.store.referrers(it.image.digest)]
    person = SshKey.of(Ed25519PrivateKey.generate())
    for cited in (evidence, evidence[1:]):
        statement = Statement((it.image.digest,), DECISION, {"evidence": cited})
        decision = attach_ssh(it.store, it.image, statement, person, now=NOW)

        verified = verify(
            it.store, it.image.digest, replace(policy, keys=(key,)), now=LATER,
            seen={decision.digest: NOW},
        )  # fmt: skip

        assert verified.holds is (cited is evidence)


def test_a_key_without_an_end_needs_no_witness() -> None:
    it = _release()

    assert verify(it.store, it.image.digest, _policy(it.signer), now=LATER, seen={}).holds


def test_a_signature_from_the_future_does_not_count() -> None:
    it = _release()

    assert not verify(
        it.store, it.image.digest, _policy(it.signer), now=NOW - timedelta(hours=1)
    ).holds


@pytest.mark.parametrize("change", [{"repository": "https://git.example/fork"}, {"builder": "me"}])
def test_provenance_has_to_name_the_repository_and_builder(change: dict[str, str]) -> None:
    it = _release()
    policy = replace(_policy(it.signer), **change)  # type: ignore[arg-type]

    assert not verify(it.store, it.image.digest, policy, now=NOW).holds


@pytest.mark.parametrize("change", [{"keys": ()}, {"required": ()}, {"threshold": 0}])
def test_a_policy_that_demands_nothing_is_refused(change: dict[str, object]) -> None:
    it = _release()
    policy = replace(_policy(it.signer), **change)  # type: ignore[arg-type]

    verified = verify(it.store, it.image.digest, policy, now=NOW)

    assert "policy" in {finding.check for finding in _failed(verified)}


def test_what_cannot_be_verified_is_reported_and_not_fatal() -> None:
    it = _release()
    attach(it.store, it.image, Statement((it.image.digest,), METRICS, {}), new_signer(), now=NOW)

    verified = verify(it.store, it.image.digest, _policy(it.signer), now=NOW)

    assert verified.holds
    assert len(verified.of_type(METRICS)) == 1
    [ignored] = [finding for finding in verified.findings if finding.check == "ignored"]
    assert "no good signature by a trusted key" in ignored.message


def test_what_is_said_of_another_image_does_not_count() -> None:
    it = _release()
    other = push_image(it.store, b"other weights")
    attach(it.store, other, Statement((it.image.digest,), SIGNED, {}), it.signer, now=NOW)

    verified = verify(it.store, other.digest, _policy(it.signer), now=NOW)

    assert verified.statements == ()


def test_an_approval_counts_only_with_a_key_of_a_listed_person(tmp_path: Path) -> None:
    it = _release()
    key, stranger = SshKey.generate(tmp_path / "id"), SshKey.generate(tmp_path / "other")
    approval = Statement((it.image.digest,), APPROVAL, {"decision": "approve"})
    referrer = attach_ssh(it.store, it.image, approval, key, now=NOW)
    attach_ssh(it.store, it.image, approval, stranger, now=NOW)
    attach(it.store, it.image, approval, it.signer, now=NOW)
    people = (Person("validator", ("validator",), key.public_line),)

    verified = verify(it.store, it.image.digest, _policy(it.signer), people=people, now=NOW)

    [found] = verified.of_type(APPROVAL)
    assert (found.signer, found.kind, found.envelope) == ("validator", "person", referrer.digest)
    former = (replace(people[0], valid_until=NOW),)
    later = verify(it.store, it.image.digest, _policy(it.signer), people=former, now=LATER)
    assert later.of_type(APPROVAL) == ()


def test_a_person_cannot_sign_what_a_machine_has_to_say(tmp_path: Path) -> None:
    it = _release()
    key = SshKey.generate(tmp_path / "id")
    attach_ssh(it.store, it.image, Statement((it.image.digest,), METRICS, {}), key, now=NOW)
    people = (Person("validator", (), key.public_line),)

    verified = verify(it.store, it.image.digest, _policy(it.signer), people=people, now=NOW)

    assert {s.kind for s in verified.statements} == {"machine"}
