"""An attack, and the ways to change a signed bundle without its key."""

import json
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass

from goldenpath.canonical import JsonValue, parse_object
from goldenpath.release.attacks.attack_scene import AttackScene, Attempt
from goldenpath.release.attest.dsse import Envelope, Signature, encode, pae
from goldenpath.release.attest.statement import SIGNED

Change = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Attack:
    """One tampering, and the control that has to refuse it."""

    name: str
    control: str
    prepare: Callable[[AttackScene], Attempt]


def forged(change: Change, kind: str = SIGNED) -> Callable[[AttackScene], Attempt]:
    """Return an attack in which only the bundle of one kind is changed."""

    def prepare(scene: AttackScene) -> Attempt:
        scene.publish(kind)
        scene.plant(change(scene.bundle(scene.statement(kind))))
        return scene.attempt()

    return prepare


def edited(**changes: JsonValue) -> Change:
    """Return a change of members of the bundle itself."""
    return lambda content: json.dumps(parse_object(content, "bundle") | changes).encode()


def in_envelope(change: Callable[[dict[str, JsonValue]], None]) -> Change:
    """Return a change of the envelope in the bundle."""

    def edit(content: bytes) -> bytes:
        document = parse_object(content, "bundle")
        envelope = document["dsseEnvelope"]
        if isinstance(envelope, dict):
            change(envelope)
        return json.dumps(document).encode()

    return edit


def with_member(name: str, value: JsonValue) -> Change:
    """Return a change that sets one member of the envelope."""
    return in_envelope(lambda envelope: envelope.update({name: value}))


def in_signature(change: Change) -> Change:
    """Return a change of the bytes of the signature."""

    def edit(envelope: dict[str, JsonValue]) -> None:
        match envelope["signatures"]:
            case [{"sig": str() as text}]:
                envelope["signatures"] = [{"sig": encode(change(b64decode(text)))}]

    return in_envelope(edit)


def in_payload(change: Change) -> Change:
    """Return a change of the payload that keeps the signature."""
    return in_base64(lambda text: encode(change(b64decode(text))))


def in_base64(change: Callable[[str], str]) -> Change:
    """Return a change of the base64 text of the payload."""
    return in_envelope(lambda envelope: envelope.update(payload=change(str(envelope["payload"]))))


def plant_payload(scene: AttackScene, payload_type: str, payload: bytes) -> None:
    """Attach a bundle with any payload, correctly signed by the key of the release."""
    signature = Signature(scene.release.sign(pae(payload_type, payload)))
    envelope = Envelope(payload_type, payload, (signature,)).to_json()
    scene.plant(edited(dsseEnvelope=envelope)(scene.bundle(scene.statement(SIGNED))))
