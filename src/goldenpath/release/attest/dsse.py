"""The envelope of a signed statement (Dead Simple Signing Envelope v1).

Reading is strict: base64 has to be canonical, and unknown members are refused. Otherwise an
attacker could write an envelope that two readers understand differently.
"""

import base64
import binascii
from dataclasses import dataclass

from goldenpath.canonical import JsonValue
from goldenpath.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature; `keyid` is a hint and never trusted."""

    value: bytes
    keyid: str = ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload, its type, and the signatures over both."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]

    @property
    def signed(self) -> bytes:
        """The bytes that the signatures cover."""
        return pae(self.payload_type, self.payload)

    def to_json(self) -> dict[str, JsonValue]:
        """Return the JSON form."""
        return {
            "payloadType": self.payload_type,
            "payload": encode(self.payload),
            "signatures": [
                {"sig": encode(signature.value), "keyid": signature.keyid}
                for signature in self.signatures
            ],
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> "Envelope":
        """Parse the JSON form. Raises `InvalidInput` if a member is wrong or unknown."""
        document = members(value, {"payloadType", "payload", "signatures"}, "envelope")
        signatures = document.get("signatures")
        if not isinstance(signatures, list):
            raise InvalidInput("envelope needs a list of signatures")
        return cls(
            text(document, "payloadType", "envelope"),
            decode(text(document, "payload", "envelope"), "payload of the envelope"),
            tuple(_signature(each) for each in signatures),
        )


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return the pre-authentication encoding: the type and both lengths are signed too."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def encode(content: bytes) -> str:
    """Return standard base64."""
    return base64.b64encode(content).decode()


def decode(text: str, what: str) -> bytes:
    """Decode canonical standard base64. Raises `InvalidInput`, naming `what`."""
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput(f"{what} is not base64: {error}") from error
    # Base64 has several texts for some bytes, and so a signature could have several digests.
    if encode(content) != text:
        raise InvalidInput(f"{what} is not canonical base64")
    return content


def members(value: JsonValue, known: set[str], what: str) -> dict[str, JsonValue]:
    """Return `value` as an object without unknown members. Raises `InvalidInput`."""
    if not isinstance(value, dict):
        raise InvalidInput(f"{what} is not an object")
    unknown = sorted(set(value) - known)
    if unknown:
        raise InvalidInput(f"{what} has the unknown member {unknown[0][:80]!r}")
    return value


def text(document: dict[str, JsonValue], name: str, what: str) -> str:
    """Return a member that has to be a string. Raises `InvalidInput`, naming `what`."""
    value = document.get(name)
    if not isinstance(value, str):
        raise InvalidInput(f"{what} needs the string {name}")
    return value


def _signature(value: JsonValue) -> Signature:
    document = members(value, {"sig", "keyid"}, "signature of the envelope")
    keyid = document.get("keyid") or ""
    if not isinstance(keyid, str):
        raise InvalidInput("signature of the envelope has a keyid that is not a string")
    return Signature(decode(text(document, "sig", "signature of the envelope"), "signature"), keyid)
