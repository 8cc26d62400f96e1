"""Attacks with keys and claims: wrong time, wrong signer, wrong subject, wrong content."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.release.attacks.attack import Attack, Change, plant_payload
from goldenpath.release.attacks.attack_scene import (
    DATA,
    NOW,
    SIGNED_AT,
    AttackScene,
    Attempt,
    approved,
)
from goldenpath.release.attest.attach import attach_ssh
from goldenpath.release.attest.policy import TrustedKey
from goldenpath.release.attest.statement import (
    APPROVAL,
    BUILD_TYPE,
    DATASET,
    DECISION,
    METRICS,
    PAYLOAD_TYPE,
    PROVENANCE,
    SBOM,
    SCAN,
    SIGNED,
    TEST_RESULT,
    Statement,
)

_HOUR = timedelta(hours=1)
_OTHER = Digest.of(b"another model")


def _key(change: Callable[[TrustedKey], TrustedKey]) -> Callable[[AttackScene], Attempt]:
    """Return an attack in which a second key, changed by `change`, signs the release."""

    def prepare(scene: AttackScene) -> Attempt:
        scene.publish(SIGNED)
        scene.attach(scene.statement(SIGNED), scene.second)
        release, second = scene.demand.policy.keys
        return scene.attempt(policy=replace(scene.demand.policy, keys=(release, change(second))))

    return prepare


def _unseen(
    change: Callable[[TrustedKey], TrustedKey], seen: datetime | None = None
) -> Callable[[AttackScene], Attempt]:
    """Return an attack as by `_key`, against a verifier who knows when statements were seen.

    `seen` is when a commit named the statement; None if none did.
    """

    def prepare(scene: AttackScene) -> Attempt:
        scene.publish(SIGNED)
        attached = scene.attach(scene.statement(SIGNED), scene.second)
        release, second = scene.demand.policy.keys
        policy = replace(scene.demand.policy, keys=(release, change(second)))
        attempt = scene.attempt(policy=policy)
        times = {} if seen is None else {attached.digest: seen}
        return replace(attempt, demand=replace(attempt.demand, seen=times))

    return prepare


def _undated(change: Callable[[TrustedKey], TrustedKey]) -> Callable[[AttackScene], Attempt]:
    """Return an attack as by `_key`, with a statement that has no time of signing."""

    def prepare(scene: AttackScene) -> Attempt:
        scene.publish(SIGNED)
        undated = replace(scene.statement(SIGNED), signed_at=None)
        scene.plant(scene.bundle(undated, scene.second))
        release, second = scene.demand.policy.keys
        return scene.attempt(policy=replace(scene.demand.policy, keys=(release, change(second))))

    return prepare


def _person(**limits: datetime) -> Callable[[AttackScene], Attempt]:
    def prepare(scene: AttackScene) -> Attempt:
        scene.publish()
        _approve(scene, scene.image.digest)
        [person] = scene.demand.people
        limited = replace(person, valid_from=limits.get("since"), valid_until=limits.get("until"))
        return scene.attempt(people=(limited,), succeeded=approved)

    return prepare


def _approve(scene: AttackScene, subject: Digest) -> None:
    statement = Statement((subject,), APPROVAL, {"decision": "approve"})
    attach_ssh(scene.store, scene.image, statement, scene.approver, now=SIGNED_AT)


def _dated(moment: datetime) -> Callable[[AttackScene], Attempt]:
    def prepare(scene: AttackScene) -> Attempt:
        scene.publish(SIGNED)
        scene.attach(replace(scene.statement(SIGNED), signed_at=moment))
        return scene.attempt()

    return prepare


def _by_machine(scene: AttackScene) -> Attempt:
    scene.publish()
    scene.attach(Statement((scene.image.digest,), APPROVAL, {"decision": "approve"}, SIGNED_AT))
    return scene.attempt(succeeded=approved)


def _decided_by_machine(scene: AttackScene) -> Attempt:
    scene.publish()
    decision: dict[str, JsonValue] = {"stage": "prod", "allowed": True}
    scene.attach(Statement((scene.image.digest,), DECISION, decision, SIGNED_AT))
    return scene.attempt(succeeded=lambda verified: bool(verified.of_type(DECISION)))


def _by_person(kind: str) -> Callable[[AttackScene], Attempt]:
    def prepare(scene: AttackScene) -> Attempt:
        scene.publish(kind)
        attach_ssh(scene.store, scene.image, scene.statement(kind), scene.approver, now=SIGNED_AT)
        return scene.attempt()

    return prepare


def _statement_type(change: Change) -> Callable[[AttackScene], Attempt]:
    def prepare(scene: AttackScene) -> Attempt:
        scene.publish(SIGNED)
        plant_payload(scene, PAYLOAD_TYPE, change(scene.statement(SIGNED).render()))
        return scene.attempt()

    return prepare


def _replayed(kind: str) -> Callable[[AttackScene], Attempt]:
    """Return an attack in which a statement about one release is attached to another."""

    def prepare(scene: AttackScene) -> Attempt:
        scene.publish(kind)
        honest = scene.statement(kind)
        scene.plant(scene.bundle(replace(honest, subjects=(_OTHER,))))
        return scene.attempt()

    return prepare


def _replayed_approval(scene: AttackScene) -> Attempt:
    scene.publish()
    _approve(scene, _OTHER)
    return scene.attempt(succeeded=approved)


def _blanket(count: int) -> Callable[[AttackScene], Attempt]:
    def prepare(scene: AttackScene) -> Attempt:
        scene.publish(SIGNED)
        others = (Digest.of(bytes([number])) for number in range(count))
        scene.attach(scene.statement(SIGNED, *others))
        return scene.attempt()

    return prepare


def _predicate(kind: str, **changes: JsonValue) -> Callable[[AttackScene], Attempt]:
    """Return an attack in which a trusted key signs evidence with wrong content."""

    def prepare(scene: AttackScene) -> Attempt:
        scene.publish(kind)
        scene.attach(scene.statement(kind, **changes))
        return scene.attempt()

    return prepare


def _built(build_type: str = BUILD_TYPE, **external: JsonValue) -> Callable[[AttackScene], Attempt]:
    parameters: dict[str, JsonValue] = {"repository": "https://git.example/team/credit"}
    definition: dict[str, JsonValue] = {
        "buildType": build_type,
        "externalParameters": parameters | external,
        "resolvedDependencies": [{"name": "panel", "digest": {"sha256": DATA.hex}}],
    }
    return _predicate(PROVENANCE, buildDefinition=definition)


def _built_from(data: Digest) -> Callable[[AttackScene], Attempt]:
    def prepare(scene: AttackScene) -> Attempt:
        scene.publish(PROVENANCE)
        honest = scene.statement(PROVENANCE)
        predicate = json.loads(json.dumps(honest.predicate).replace(DATA.hex, data.hex))
        scene.attach(replace(honest, predicate=predicate))
        return scene.attempt()

    return prepare


def _again(kind: str, **changes: JsonValue) -> Callable[[AttackScene], Attempt]:
    """Return an attack in which a trusted key signs newer evidence with wrong content."""

    def prepare(scene: AttackScene) -> Attempt:
        scene.publish()
        later = replace(scene.statement(kind, **changes), signed_at=SIGNED_AT + _HOUR / 2)
        scene.attach(later)
        return scene.attempt()

    return prepare


def _builder(**run: JsonValue) -> Callable[[AttackScene], Attempt]:
    return _predicate(PROVENANCE, runDetails=run)


def _component(*hashes: JsonValue) -> Callable[[AttackScene], Attempt]:
    return _predicate(SBOM, metadata={"component": {"hashes": list(hashes)}})


ATTACKS = (
    Attack("the key had expired", "validity", _key(
        lambda key: replace(key, valid_until=SIGNED_AT - _HOUR))),
    Attack("the key expired in the second of signing", "validity", _key(
        lambda key: replace(key, valid_until=SIGNED_AT))),
    Attack("the key was not valid yet", "validity", _key(
        lambda key: replace(key, valid_from=SIGNED_AT + _HOUR))),
    Attack("an expired key does not say when it signed", "validity", _undated(
        lambda key: replace(key, valid_until=NOW - _HOUR / 2))),
    Attack("somebody approves who has left", "validity", _person(until=SIGNED_AT)),
    Attack("somebody approves who has not begun", "validity", _person(since=SIGNED_AT + _HOUR)),
    Attack("the key was revoked", "revocation", _key(
        lambda key: replace(key, revoked_at=SIGNED_AT - _HOUR))),
    Attack("the key is revoked from the start", "revocation", _key(
        lambda key: replace(key, revoked_at=datetime.min.replace(tzinfo=UTC)))),
    Attack("a revoked key does not say when it signed", "revocation", _undated(
        lambda key: replace(key, revoked_at=NOW))),
    Attack("a key that has ended signs with an older date", "witness", _unseen(
        lambda key: replace(key, valid_until=NOW - _HOUR / 2))),
    Attack("a revoked key signs with an older date", "witness", _unseen(
        lambda key: replace(key, revoked_at=NOW - _HOUR / 2))),
    Attack("a commit names an older date only after the key has ended", "witness", _unseen(
        lambda key: replace(key, revoked_at=NOW - _HOUR / 2), NOW - _HOUR / 4)),
    Attack("the statement is signed tomorrow", "signing time", _dated(NOW + 24 * _HOUR)),
    Attack("the statement is signed in the year 9999", "signing time", _dated(
        datetime(9999, 1, 1, tzinfo=UTC))),
    Attack("a machine approves", "separation", _by_machine),
    Attack("a person signs the release", "separation", _by_person(SIGNED)),
    Attack("a person signs the metrics", "separation", _by_person(METRICS)),
    Attack("a person signs the provenance", "separation", _by_person(PROVENANCE)),
    Attack("a person signs the scan", "separation", _by_person(SCAN)),
    Attack("a machine decides on a promotion", "separation", _decided_by_machine),
    Attack("the statement is of version 0.1", "statement type", _statement_type(
        lambda c: c.replace(b"Statement/v1", b"Statement/v0.1"))),
    Attack("the statement does not say what it is", "statement type", _statement_type(
        lambda c: c.replace(b'"_type"', b'"type"'))),
    Attack("a signature is replayed on another digest", "subject", _replayed(SIGNED)),
    Attack("the metrics of another model are replayed", "subject", _replayed(METRICS)),
    Attack("the provenance of another model is replayed", "subject", _replayed(PROVENANCE)),
    Attack("an approval is replayed on another digest", "subject", _replayed_approval),
    Attack("one signature is about two digests", "sole subject", _blanket(1)),
    Attack("one signature is about a hundred digests", "sole subject", _blanket(99)),
    Attack("another kind of build made it", "build type", _built("https://example.com/by-hand")),
    Attack("the kind of build is a newer one", "build type", _built(BUILD_TYPE + "2")),
    Attack("the build was asked to run a hook", "parameters", _built(hook="upload")),
    Attack("the build was asked to skip its tests", "parameters", _built(skip_tests=True)),
    Attack("it was built from a fork", "repository", _built(
        repository="https://git.example/fork/credit")),
    Attack("it was built from a name that looks alike", "repository", _built(
        repository="https://git.example/team/credit.evil")),
    Attack("it was built from nowhere", "repository", _built(repository=None)),
    Attack("it was built on a laptop", "builder", _builder(builder={"id": "laptop"})),
    Attack("it does not say who built it", "builder", _builder(builder={})),
    Attack("the bill of materials is of another model", "sbom", _component(
        {"alg": "SHA-256", "content": _OTHER.hex})),
    Attack("the bill of materials names no model", "sbom", _component()),
    Attack("the metrics are an empty list", "predicate", _predicate(METRICS, metrics=[])),
    Attack("the metrics are words", "predicate", _predicate(
        METRICS, metrics=[{"name": "roc_auc", "value": "excellent"}])),
    Attack("the metrics have no value", "predicate", _predicate(
        METRICS, metrics=[{"name": "roc_auc", "value": None}])),
    Attack("the data has no digest", "predicate", _predicate(
        DATASET, datasets=[{"name": "panel"}])),
    Attack("no data is named", "predicate", _predicate(DATASET, datasets=[])),
    Attack("the tests have a result of their own", "test result", _predicate(
        TEST_RESULT, result="GREEN")),
    Attack("the scan looked at nothing", "predicate", _predicate(SCAN, files=0)),
    Attack("the scan is clean by no advisories", "predicate", _predicate(
        SCAN, vulnerabilityScan="scanned")),
    Attack("the tests failed", "test result", _predicate(TEST_RESULT, result="FAILED")),
    Attack("a test failed and the result is passed", "test result", _predicate(
        TEST_RESULT, failedTests=["lint"])),
    Attack("later tests failed than those that passed", "test result", _again(
        TEST_RESULT, result="FAILED")),
    Attack("the scan found a pickle", "scan", _predicate(
        SCAN, found=[{"kind": "pickle", "file": "model.bin", "detail": "GLOBAL"}])),
    Attack("the scan found a vulnerability", "scan", _predicate(
        SCAN, vulnerabilities=[{"advisory": "GHSA-1", "package": "a", "version": "1"}])),
    Attack("other data is described than was read", "agreement", _predicate(
        DATASET, datasets=[{"name": "panel", "digest": _OTHER.text}])),
    Attack("the build read other data", "agreement", _built_from(_OTHER)),
)  # fmt: skip
