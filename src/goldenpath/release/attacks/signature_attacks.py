"""Attacks on signatures: forged, moved, or written so that two parsers disagree."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

from goldenpath.canonical import JsonValue, parse_object
from goldenpath.release.attacks.attack import (
    Attack,
    Change,
    edited,
    forged,
    in_base64,
    in_payload,
    in_signature,
    plant_payload,
    with_member,
)
from goldenpath.release.attacks.attack_scene import AttackScene, Attempt, approved
from goldenpath.release.attest.dsse import encode, pae
from goldenpath.release.attest.media_types import SSH_SIGNATURE, SSH_STATEMENT
from goldenpath.release.attest.signatures.sshsig import GIT_NAMESPACE, STATEMENT_NAMESPACE, SshKey
from goldenpath.release.attest.statement import APPROVAL, METRICS, PAYLOAD_TYPE, SIGNED, Statement


def _flipped(seed: int) -> Change:
    """Return a change of one bit at a random place of the number s of a signature."""

    def flip(content: bytes) -> bytes:
        at = len(content) - 1 - Random(seed).randrange(24)  # noqa: S311
        return content[:at] + bytes([content[at] ^ (1 << seed % 8)]) + content[at + 1 :]

    return flip


def _spare_bits(scene: AttackScene) -> Attempt:
    """End the base64 of the payload in bits that one parser ignores and another refuses."""
    scene.publish(METRICS)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    statement = scene.statement(METRICS)
    while len(statement.render()) % 3 != 1:
        longer = {**statement.predicate, "note": str(statement.predicate.get("note", "")) + "x"}
        statement = replace(statement, predicate=longer)

    def change(text: str) -> str:
        return text[:-3] + letters[letters.index(text[-3]) | 1] + "=="

    scene.plant(in_base64(change)(scene.bundle(statement)))
    return scene.attempt()


def _twice(content: bytes) -> bytes:
    return b'{"dsseEnvelope":{"payloadType":"","payload":"","signatures":[]},' + content[1:]


def _carelessly_signed(change: Change, kind: str) -> Callable[[AttackScene], Attempt]:
    """Return an attack in which a trusted key signs an ambiguous payload."""

    def prepare(scene: AttackScene) -> Attempt:
        scene.publish(kind)
        plant_payload(scene, PAYLOAD_TYPE, change(scene.statement(kind).render()))
        return scene.attempt()

    return prepare


def _of_type(payload_type: str) -> Callable[[AttackScene], Attempt]:
    def prepare(scene: AttackScene) -> Attempt:
        scene.publish(SIGNED)
        plant_payload(scene, payload_type, scene.statement(SIGNED).render())
        return scene.attempt()

    return prepare


def _without_encoding(scene: AttackScene) -> Attempt:
    scene.publish(SIGNED)
    statement = scene.statement(SIGNED)
    signatures: list[JsonValue] = [{"sig": encode(scene.release.sign(statement.render()))}]
    scene.plant(with_member("signatures", signatures)(scene.bundle(statement)))
    return scene.attempt()


def _co_signed(*, by_stranger: bool) -> Callable[[AttackScene], Attempt]:
    def prepare(scene: AttackScene) -> Attempt:
        scene.publish(SIGNED)
        statement = scene.statement(SIGNED)
        signed = pae(PAYLOAD_TYPE, statement.render())
        signer = scene.stranger if by_stranger else scene.release
        both: list[JsonValue] = [
            {"sig": encode(signer.sign(signed))},
            {"sig": encode(scene.release.sign(signed))},
        ]
        scene.plant(with_member("signatures", both)(scene.bundle(statement)))
        return scene.attempt()

    return prepare


def _by_stranger(*, trusted_hint: bool) -> Callable[[AttackScene], Attempt]:
    def prepare(scene: AttackScene) -> Attempt:
        scene.publish(SIGNED)
        bundle = scene.bundle(scene.statement(SIGNED), scene.stranger)
        honest = parse_object(scene.bundle(scene.statement(SIGNED)), "bundle")
        if trusted_hint:
            bundle = edited(verificationMaterial=honest["verificationMaterial"])(bundle)
        scene.plant(bundle)
        return scene.attempt()

    return prepare


def _transplanted(scene: AttackScene) -> Attempt:
    """Put the signature of one statement under another."""
    scene.publish(METRICS)
    other = parse_object(scene.bundle(scene.statement(SIGNED)), "bundle")["dsseEnvelope"]
    signatures = other["signatures"] if isinstance(other, dict) else []
    scene.plant(with_member("signatures", signatures)(scene.bundle(scene.statement(METRICS))))
    return scene.attempt()


def _approval(
    sign: Callable[[AttackScene, bytes], str], change: Change = lambda payload: payload
) -> Callable[[AttackScene], Attempt]:
    def prepare(scene: AttackScene) -> Attempt:
        scene.publish()
        payload = Statement((scene.image.digest,), APPROVAL, {"decision": "refuse"}).render()
        signature = sign(scene, payload).encode()
        types = (PAYLOAD_TYPE, SSH_SIGNATURE)
        scene.plant(change(payload), signature, types=types, kind=SSH_STATEMENT)
        return scene.attempt(succeeded=approved)

    return prepare


def _as_approver(scene: AttackScene, payload: bytes) -> str:
    return scene.approver.sign(payload, STATEMENT_NAMESPACE)


def _as_commit(scene: AttackScene, payload: bytes) -> str:
    return scene.approver.sign(payload, GIT_NAMESPACE)


def _as_stranger(scene: AttackScene, payload: bytes) -> str:
    return SshKey.of(scene.unlisted).sign(payload, STATEMENT_NAMESPACE)


def _better(payload: bytes) -> bytes:
    return payload.replace(b"0.71", b"0.91")


def _before(member: bytes, twin: bytes) -> Change:
    """Return a change that writes a member twice, for parsers that take the first."""
    return lambda payload: payload.replace(member, twin + member, 1)


ATTACKS = (
    Attack("the bundle has two envelopes", "unambiguous", forged(_twice)),
    Attack("the statement has two predicate types", "unambiguous", _carelessly_signed(
        _before(b'"predicateType"', b'"predicateType":"other",'), SIGNED)),
    Attack("the statement has two subjects members", "unambiguous", _carelessly_signed(
        _before(b'"subject"', b'"subject":[],'), SIGNED)),
    Attack("the metrics stand there twice", "unambiguous", _carelessly_signed(
        _before(b'"metrics":', b'"metrics":[{"value":0.99}],'), METRICS)),
    Attack("a metric is not a number", "unambiguous", _carelessly_signed(
        lambda payload: payload.replace(b"0.71", b"NaN"), METRICS)),
    Attack("the bundle has an unknown member", "members", forged(edited(note="trust me"))),
    Attack("the bundle signs a message as well", "members", forged(
        edited(messageSignature={"signature": ""}))),
    Attack("the envelope has an unknown member", "members", forged(
        with_member("payload_type", "text/plain"))),
    Attack("the payload's base64 has spare bits", "members", _spare_bits),
    Attack("the payload's base64 has blanks", "members", forged(
        in_base64(lambda text: text[:8] + " \n" + text[8:]))),
    Attack("a certificate stands beside the key", "members", forged(
        lambda c: c.replace(b'"publicKey"', b'"certificate":{"rawBytes":""},"publicKey"', 1))),
    Attack("the payload says it is text", "payload type", _of_type("text/plain")),
    Attack("the payload says it is any JSON", "payload type", _of_type("application/json")),
    Attack("a stranger signed beside the release key", "one signature", _co_signed(
        by_stranger=True)),
    Attack("the release key signed twice in one envelope", "one signature", _co_signed(
        by_stranger=False)),
    *(
        Attack(f"a bit of the signature flips ({seed})", "signature", forged(
            in_signature(_flipped(seed))))
        for seed in range(4)
    ),
    Attack("the signature is cut short", "signature", forged(in_signature(lambda c: c[:-9]))),
    Attack("the signature is empty", "signature", forged(in_signature(lambda _: b""))),
    Attack("the signature has bytes behind it", "signature", forged(
        in_signature(lambda c: c + b"\0"))),
    Attack("a metric is made better", "signature", forged(in_payload(_better), METRICS)),
    Attack("a signature of another statement is used", "signature", _transplanted),
    Attack("the signature covers the payload without its type", "signature", _without_encoding),
    Attack("a stranger signs", "signature", _by_stranger(trusted_hint=False)),
    Attack("a stranger signs under the hint of the key", "signature", _by_stranger(
        trusted_hint=True)),
    Attack("somebody unlisted approves", "signature", _approval(_as_stranger)),
    Attack("a refusal is turned into an approval", "signature", _approval(
        _as_approver, lambda payload: payload.replace(b"refuse", b"accept"))),
    Attack("the signature of a commit is used to approve", "signature", _approval(_as_commit)),
)  # fmt: skip
