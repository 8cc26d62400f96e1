"""Reads cosign's older signatures and attestations: the tags `sha256-<hex>.sig` and `.att`.

The verifier reads bundles of cosign like our own, so they need no code here. An older signature has
no signing time, so no policy counts it. It is read only to examine a release that others signed.
`cosign verify` compares neither type nor identity, so this module does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from goldenpath.canonical import canonical_json, parse_json, parse_object
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound
from goldenpath.oci.copy import legacy_tag
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.manifest import MAX_MANIFEST, Manifest
from goldenpath.oci.store import Store, read
from goldenpath.release.attest.dsse import Envelope, decode
from goldenpath.release.attest.media_types import LEGACY_SIGNATURE, SIMPLE_SIGNING
from goldenpath.release.attest.policy import TrustedKey
from goldenpath.release.attest.signatures.p256 import is_signed
from goldenpath.release.attest.statement import PAYLOAD_TYPE, STATEMENT_TYPE, Statement, member

ENVELOPE = "application/vnd.dsse.envelope.v1+json"
SIGNATURE_TYPE = "cosign container image signature"
MAX_LAYERS = 200
_MAX_PAYLOAD = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class LegacySignature:
    """A good signature in cosign's older form."""

    signer: str
    repository: str
    """The repository that was signed; the signature does not cover the digest elsewhere."""


def legacy_signatures(
    store: Store, digest: Digest, keys: Sequence[TrustedKey]
) -> tuple[LegacySignature, ...]:
    """Return every good signature of `digest` by one of `keys`, under the tag `.sig`."""
    signatures = []
    for layer in _layers(store, legacy_tag(digest, ".sig"), SIMPLE_SIGNING):
        payload = read(store, layer, _MAX_PAYLOAD)
        try:
            signature = decode(layer.annotations.get(LEGACY_SIGNATURE, ""), "signature")
            repository = _repository(payload, digest)
        except InvalidInput:
            # Others may write anything under the tag; an unreadable layer is not a signature.
            continue
        for key in keys:
            if is_signed(key.public_key, payload, signature):
                signatures.append(LegacySignature(key.name, repository))
                break
    return tuple(signatures)


def legacy_attestations(
    store: Store, digest: Digest, keys: Sequence[TrustedKey]
) -> tuple[Statement, ...]:
    """Return every statement about `digest` that one of `keys` signed, under the tag `.att`."""
    attestations = []
    for layer in _layers(store, legacy_tag(digest, ".att"), ENVELOPE):
        content = read(store, layer, _MAX_PAYLOAD)
        try:
            envelope = Envelope.from_json(parse_json(content, "envelope"))
            statement = _statement(envelope.payload)
        except InvalidInput:
            continue
        signed = any(
            is_signed(key.public_key, envelope.signed, signature.value)
            for key in keys
            for signature in envelope.signatures
        )
        if signed and envelope.payload_type == PAYLOAD_TYPE and digest in statement.subjects:
            attestations.append(statement)
    return tuple(attestations)


def _statement(payload: bytes) -> Statement:
    """Parse a statement; cosign writes version 0.1 here, which differs only in its type."""
    value = parse_object(payload, "statement")
    if value.get("_type") == "https://in-toto.io/Statement/v0.1":
        value = value | {"_type": STATEMENT_TYPE}
    return Statement.parse(canonical_json(value))


def _layers(store: Store, tag: str, media_type: str) -> Iterator[Descriptor]:
    try:
        manifest = Manifest.parse(read(store, store.resolve(tag), MAX_MANIFEST))
    except NotFound:
        return
    for layer in manifest.layers[:MAX_LAYERS]:
        if layer.media_type == media_type:
            yield layer


def _repository(payload: bytes, digest: Digest) -> str:
    critical = parse_object(payload, "signature payload").get("critical")
    repository = member(critical, "identity", "docker-reference")
    if member(critical, "image", "docker-manifest-digest") != digest.text:
        raise InvalidInput("signature is about another image")
    if member(critical, "type") != SIGNATURE_TYPE or not isinstance(repository, str):
        raise InvalidInput("signature is of another type")
    return repository
