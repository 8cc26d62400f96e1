"""Sigstore bundles v0.3 that are signed with a managed key (protobuf-specs, Bundle).

The verification material is a public key named by a hint; there is no certificate and, by default,
no entry in a transparency log. Entries that others add are carried but prove nothing here.
"""

import hashlib
from dataclasses import dataclass

from goldenpath.canonical import canonical_json, parse_json
from goldenpath.errors import InvalidInput
from goldenpath.release.attest.dsse import Envelope, Signature, encode, members, pae, text
from goldenpath.release.attest.media_types import BUNDLE
from goldenpath.release.attest.signatures.signer import Signer
from goldenpath.release.attest.statement import PAYLOAD_TYPE, Statement


@dataclass(frozen=True, slots=True)
class Bundle:
    """One signed envelope and the hint which key signed it."""

    hint: str
    envelope: Envelope

    def render(self) -> bytes:
        """The canonical bytes."""
        return canonical_json(
            {
                "mediaType": BUNDLE,
                "verificationMaterial": {"publicKey": {"hint": self.hint}, "tlogEntries": []},
                "dsseEnvelope": self.envelope.to_json(),
            }
        )

    @classmethod
    def parse(cls, content: bytes) -> "Bundle":
        """Parses a bundle of anybody's making. Raises `InvalidInput` if a member is wrong."""
        known = {"mediaType", "verificationMaterial", "dsseEnvelope"}
        document = members(parse_json(content, "bundle"), known, "bundle")
        if document.get("mediaType") != BUNDLE:
            raise InvalidInput(f"bundle has mediaType {document.get('mediaType')!r}, not v0.3")
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
    """How bundles name a key: base64 of the SHA-256 of its DER, as cosign does."""
    return encode(hashlib.sha256(public_key).digest())


def sign_statement(statement: Statement, signer: Signer) -> Bundle:
    """The statement in an envelope with one signature."""
    payload = statement.render()
    signature = Signature(signer.sign(pae(PAYLOAD_TYPE, payload)))
    envelope = Envelope(PAYLOAD_TYPE, payload, (signature,))
    return Bundle(key_hint(signer.public_key()), envelope)
