"""What hangs on a release after signing, byte for byte as other tools want it."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from goldenpath.canonical import canonical_json, parse_object
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.oci.copy import legacy_tag
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.manifest import MAX_MANIFEST, Manifest
from goldenpath.oci.store import read
from goldenpath.release.attest.attach import attach, attach_ssh, sign_image, sign_legacy
from goldenpath.release.attest.bundle import Bundle, key_hint
from goldenpath.release.attest.cosign import MAX_LAYERS, legacy_signatures
from goldenpath.release.attest.dsse import Envelope, Signature, decode, pae
from goldenpath.release.attest.media_types import BUNDLE
from goldenpath.release.attest.policy import TrustedKey
from goldenpath.release.attest.signatures.p256 import is_signed
from goldenpath.release.attest.signatures.sshsig import SshKey, verify
from goldenpath.release.attest.statement import PROVENANCE, SIGNED, Statement, parse_time
from goldenpath.release.attest.verify import MAX_STATEMENT, gather
from tests.release.attest.releases import LATER, NOW, REPOSITORY, bench, new_signer


def test_the_pre_authentication_encoding_is_that_of_the_specification() -> None:
    expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"

    assert pae("http://example.com/HelloWorld", b"hello world") == expected


def test_an_attestation_is_a_bundle_that_refers_to_the_image() -> None:
    it = bench()

    referrer = attach(
        it.store, it.image, Statement((it.image.digest,), PROVENANCE, {"a": 1}), it.signer, now=NOW
    )

    assert [d.digest for d in it.store.referrers(it.image.digest, BUNDLE)] == [referrer.digest]
    manifest = json.loads(read(it.store, referrer, MAX_MANIFEST))
    assert manifest["artifactType"] == BUNDLE
    assert manifest["config"]["mediaType"] == "application/vnd.oci.empty.v1+json"
    assert manifest["config"]["size"] == 2
    assert manifest["annotations"] == {
        "org.opencontainers.image.created": "2026-11-22T12:00:00Z",
        "dev.sigstore.bundle.content": "dsse-envelope",
        "dev.sigstore.bundle.predicateType": PROVENANCE,
    }
    [layer] = Manifest.parse(read(it.store, referrer, MAX_MANIFEST)).layers
    bundle = Bundle.parse(read(it.store, layer, 10_000))
    statement = Statement.parse(bundle.envelope.payload)
    assert bundle.hint == key_hint(it.signer.public_key())
    assert is_signed(
        it.signer.public_key(), bundle.envelope.signed, bundle.envelope.signatures[0].value
    )
    assert statement.subjects == (it.image.digest,)
    assert statement.signed_at == NOW


def test_a_release_is_signed_as_bundle_and_under_the_legacy_tag() -> None:
    it = bench()

    sign_image(it.store, it.image, REPOSITORY, it.signer, now=NOW)
    sign_image(it.store, it.image, REPOSITORY, it.signer, now=LATER)

    legacy = Manifest.parse(
        read(it.store, it.store.resolve(legacy_tag(it.image.digest, ".sig")), MAX_MANIFEST)
    )
    assert legacy_tag(it.image.digest, ".sig") == f"sha256-{it.image.digest.hex}.sig"
    assert len(legacy.layers) == 2
    for layer in legacy.layers:
        payload = read(it.store, layer, 10_000)
        signature = decode(layer.annotations["dev.cosignproject.cosign/signature"], "signature")
        assert is_signed(it.signer.public_key(), payload, signature)
        critical = json.loads(payload)["critical"]
        assert critical["identity"] == {"docker-reference": REPOSITORY}
        assert critical["image"] == {"docker-manifest-digest": it.image.digest.text}
    kinds = {
        d.annotations["dev.sigstore.bundle.predicateType"]
        for d in it.store.referrers(it.image.digest, BUNDLE)
    }
    assert kinds == {SIGNED}


def test_a_person_signs_a_statement_that_ssh_keygen_can_check(tmp_path: Path) -> None:
    it = bench()
    key = SshKey.generate(tmp_path / "id")
    approval = Statement(
        (it.image.digest,), "https://example.com/approval", {"decision": "approve"}
    )

    referrer = attach_ssh(it.store, it.image, approval, key, now=NOW)

    payload, signature = Manifest.parse(read(it.store, referrer, MAX_MANIFEST)).layers
    assert payload.media_type == "application/vnd.in-toto+json"
    message = read(it.store, payload, 10_000)
    armored = read(it.store, signature, 10_000).decode()
    assert verify(armored, message, "goldenpath") == key.public_line
    assert Statement.parse(message).signed_at == NOW


def test_a_bundle_survives_a_round_trip() -> None:
    bundle = Bundle("hint", Envelope("type", b"payload", (Signature(b"\0\1", "id"),)))

    assert Bundle.parse(bundle.render()) == bundle


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"extra": 1}, "unknown member 'extra'"),
        ({"mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.1"}, "not v0.3"),
        ({"verificationMaterial": {"certificate": {}}}, "only managed keys"),
        ({"verificationMaterial": None}, "not an object"),
        ({"dsseEnvelope": None}, "not an object"),
        (
            {"dsseEnvelope": {"payloadType": "t", "payload": "YQ", "signatures": []}},
            "not base64",
        ),
        (
            {"dsseEnvelope": {"payloadType": "t", "payload": "YR==", "signatures": []}},
            "not canonical",
        ),
        ({"dsseEnvelope": {"payloadType": "t", "payload": "", "signatures": [1]}}, "not an object"),
    ],
)
def test_a_malformed_bundle_is_refused(change: dict[str, object], complaint: str) -> None:
    good = Bundle("hint", Envelope("type", b"payload", (Signature(b"\0"),)))
    document = dict(parse_object(good.render(), "bundle")) | change

    with pytest.raises(InvalidInput, match=complaint):
        Bundle.parse(canonical_json(document))


def test_a_statement_survives_a_round_trip() -> None:
    statement = Statement((Digest.of(b"a"), Digest.of(b"b")), SIGNED, {"x": [1, None]}, NOW)

    assert Statement.parse(statement.render()) == statement


@pytest.mark.parametrize("text", ["yesterday", "2026-11-22T12:00:00", ""])
def test_a_time_needs_an_offset(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_time(text)


def test_nothing_is_attached_that_verify_would_not_read() -> None:
    it = bench()
    before = it.store.referrers(it.image.digest)
    for size, fits in ((MAX_STATEMENT // 4, True), (MAX_STATEMENT, False)):
        statement = Statement((it.image.digest,), PROVENANCE, {"a": "x" * size})
        if fits:
            attached = attach(it.store, it.image, statement, it.signer, now=NOW)
            documents = gather(it.store, it.image.digest)
            assert not documents.unread
            assert [each.fault for each in documents.referrers] == [""]
            assert documents.referrers[0].listed.digest == attached.digest
            before = it.store.referrers(it.image.digest)
            continue
        with pytest.raises(InvalidInput, match="verify reads no larger one"):
            attach(it.store, it.image, statement, it.signer, now=NOW)
        assert it.store.referrers(it.image.digest) == before


def test_signatures_of_every_day_do_not_push_out_those_of_others() -> None:
    it, second = bench(), new_signer()
    tag = legacy_tag(it.image.digest, ".sig")

    def layers() -> tuple[Descriptor, ...]:
        return Manifest.parse(read(it.store, it.store.resolve(tag), MAX_MANIFEST)).layers

    sign_legacy(it.store, it.image, REPOSITORY, second, now=NOW)
    (others,) = layers()
    for day in range(MAX_LAYERS + 2):
        sign_legacy(it.store, it.image, REPOSITORY, it.signer, now=NOW + timedelta(days=day))
        assert len(layers()) <= MAX_LAYERS

    assert others in layers()
    keys = [
        TrustedKey(name, signer.public_key()) for name, signer in (("a", it.signer), ("b", second))
    ]
    assert {each.signer for each in legacy_signatures(it.store, it.image.digest, keys)} == {
        "a",
        "b",
    }
