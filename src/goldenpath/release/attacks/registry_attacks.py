"""Attacks by the operator of the registry: wrong bytes, wrong listings, wrong labels."""

import json
from collections.abc import Callable
from dataclasses import replace
from random import Random

from goldenpath.canonical import parse_object
from goldenpath.oci.descriptor import EMPTY, EMPTY_CONTENT, IMAGE_MANIFEST
from goldenpath.oci.manifest import MAX_MANIFEST, Manifest
from goldenpath.oci.store import read
from goldenpath.release.attacks.attack import Attack, Change, edited, forged
from goldenpath.release.attacks.attack_scene import (
    AttackScene,
    Attempt,
    Hostile,
    approved,
    push_image,
)
from goldenpath.release.attest.media_types import BUNDLE, SSH_SIGNATURE, SSH_STATEMENT
from goldenpath.release.attest.signatures.sshsig import STATEMENT_NAMESPACE
from goldenpath.release.attest.statement import APPROVAL, PAYLOAD_TYPE, SIGNED, Statement


def _served(change: Change, padding: bytes = b"") -> Callable[[AttackScene], Attempt]:
    """Return an attack in which the store serves other bytes for a bundle than were pushed."""

    def prepare(scene: AttackScene) -> Attempt:
        scene.publish(SIGNED)
        content = scene.bundle(scene.statement(SIGNED)) + padding
        scene.plant(content)
        pushed = scene.push(BUNDLE, content)
        return scene.attempt(store=Hostile(scene.store, {pushed.digest: change(content)}))

    return prepare


def _other_manifest(scene: AttackScene) -> Attempt:
    scene.publish(SIGNED)
    planted = scene.plant(scene.bundle(scene.statement(SIGNED)))
    content = read(scene.store, planted, MAX_MANIFEST)
    return scene.attempt(store=Hostile(scene.store, {planted.digest: _turned(content)}))


def _turned(content: bytes) -> bytes:
    """Return the document with its members in reverse order: same size, another digest."""
    document = parse_object(content, "document")
    return json.dumps(dict(reversed(document.items())), separators=(",", ":")).encode()


def _flipped_hint(seed: int) -> Change:
    """Return a change of one bit of the key hint, which no signature covers."""

    def flip(content: bytes) -> bytes:
        at = content.index(b'"hint":"') + 8 + Random(seed).randrange(40)  # noqa: S311
        return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]

    return flip


def _labelled(*types: str) -> Callable[[AttackScene], Attempt]:
    def prepare(scene: AttackScene) -> Attempt:
        scene.publish(SIGNED)
        scene.plant(scene.bundle(scene.statement(SIGNED)), types=types)
        return scene.attempt()

    return prepare


def _listed_as_bundle(scene: AttackScene) -> Attempt:
    scene.publish(SIGNED)
    content = scene.bundle(scene.statement(SIGNED))
    planted = scene.plant(content, kind="application/vnd.example.note")
    listed = replace(planted, artifact_type=BUNDLE)
    return scene.attempt(store=Hostile(scene.store, listed=(listed,)))


def _second_layer(scene: AttackScene) -> Attempt:
    scene.publish(SIGNED)
    scene.plant(scene.bundle(scene.statement(SIGNED)), b"another reader takes this one")
    return scene.attempt()


def _third_layer(scene: AttackScene) -> Attempt:
    scene.publish()
    statement = Statement((scene.image.digest,), APPROVAL, {"decision": "approve"}).render()
    signature = scene.approver.sign(statement, STATEMENT_NAMESPACE).encode()
    types = (PAYLOAD_TYPE, SSH_SIGNATURE)
    scene.plant(statement, signature, b"and more", types=types, kind=SSH_STATEMENT)
    return scene.attempt(succeeded=approved)


def _of_another(scene: AttackScene) -> Attempt:
    scene.publish(SIGNED)
    other = push_image(scene.store, b"other weights")
    planted = scene.plant(scene.bundle(scene.statement(SIGNED)), subject=other)
    return scene.attempt(store=Hostile(scene.store, listed=(planted,)))


def _of_nothing(scene: AttackScene) -> Attempt:
    scene.publish(SIGNED)
    layer = scene.push(BUNDLE, scene.bundle(scene.statement(SIGNED)))
    manifest = Manifest(scene.push(EMPTY, EMPTY_CONTENT), (layer,), None, BUNDLE)
    planted = replace(scene.push(IMAGE_MANIFEST, manifest.render()), artifact_type=BUNDLE)
    return scene.attempt(store=Hostile(scene.store, listed=(planted,)))


ATTACKS = (
    Attack("a bundle is served in another writing", "content", _served(_turned)),
    Attack("a bundle is served one byte short", "content", _served(lambda c: c[:-1], b"\n")),
    Attack("a bit of a bundle flips", "content", _served(_flipped_hint(1))),
    Attack("another bit of a bundle flips", "content", _served(_flipped_hint(2))),
    Attack("a referrer is served in another writing", "content", _other_manifest),
    Attack("a bundle has a second layer beside it", "layers", _second_layer),
    Attack("a person's statement has a third layer", "layers", _third_layer),
    Attack("a bundle says it is version 0.1", "format", forged(
        edited(mediaType="application/vnd.dev.sigstore.bundle+json;version=0.1"))),
    Attack("a bundle says it is version 0.2", "format", forged(
        edited(mediaType="application/vnd.dev.sigstore.bundle+json;version=0.2"))),
    Attack("a bundle does not say what it is", "format", forged(edited(mediaType=None))),
    Attack("a bundle is labelled as a legacy signature", "format", _labelled(
        "application/vnd.dev.cosign.simplesigning.v1+json")),
    Attack("a bundle is labelled as any JSON", "format", _labelled("application/json")),
    Attack("the index lists a note as a bundle", "format", _listed_as_bundle),
    Attack("the index lists a referrer of another image", "referrer", _of_another),
    Attack("the index lists a referrer of nothing", "referrer", _of_nothing),
)  # fmt: skip
