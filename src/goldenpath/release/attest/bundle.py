"""Writes and reads Sigstore bundles v0.3 signed with a managed key (protobuf-specs, Bundle).

The verification material is the hint of a public key. There is no certificate, and we add no entry
of a transparency log. Entries that others add are accepted but not checked, so they prove nothing.
"""

import hashlib
from dataclasses import dataclass

from goldenpath.canonical import canonical_json, parse_json
from goldenpath.errors import InvalidInput
from goldenpath.release.attest.dsse import Envelope, Signature, encode, members, pae, text
from goldenpath.release.attest.media_types import BUNDLE
from goldenpath.release.attest.signatures.signer import Signer
from goldenpath.release.attest.statement import PAYLOAD_TYPE, Statement


class OtherBundleVersion(InvalidInput):
    """The document is a bundle of another version, or none at all."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """One signed envelope, and a hint of the key that signed it."""

    hint: str
    envelope: Envelope

    def render(self) -> bytes:
        """Return the canonical bytes."""
        return canonical_json(
            {
                "mediaType": BUNDLE,
                "verificationMaterial": {"publicKey": {"hint": self.hint}, "tlogEntries": []},
                "dsseEnvelope": self.envelope.to_json(),
            }
        )

    @classmethod
    def parse(cls, content: bytes) -> "Bundle":
        """Parse a bundle of any origin.

        Raises `InvalidInput` if a member is wrong: `DuplicateKey` for a key that occurs twice,
        `OtherBundleVersion` for another version.
        """
        known = {"mediaType", "verificationMaterial", "dsseEnvelope"}
        document = members(parse_json(content, "bundle"), known, "bundle")
        if document.get("mediaType") != BUNDLE:
            got = document.get("mediaType")
            raise OtherBundleVersion(f"bundle has mediaType {got!r}, not v0.3")
        material = document.get("verificationMaterial")
        if isinstance(material, dict) and {"certificate", "x509CertificateChain"} & set(material):
            raise InvalidInput("bundle is signed with a certificate: only managed keys count here")
        known = {"publicKey", "tlogEntries", "timestampVerificationData"}
        material = members(material, known, "verification material of the bundle")
        key = members(material.get("publicKey"), {"hint"}, "public key of the bundle")
        return cls(
            text(key, "hint", "public key"), Envelope.from_json(document.get("dsseEnvelope"))
        )


def key_hint(public_key: bytes) -> str:
    """Return the hint for a key in bundles: base64 of the SHA-256 of its DER, as in cosign."""
    return encode(hashlib.sha256(public_key).digest())


def sign_statement(statement: Statement, signer: Signer) -> Bundle:
    """Return a bundle of the statement with one signature."""
    payload = statement.render()
    signature = Signature(signer.sign(pae(PAYLOAD_TYPE, payload)))
    envelope = Envelope(PAYLOAD_TYPE, payload, (signature,))
    return Bundle(key_hint(signer.public_key()), envelope)
