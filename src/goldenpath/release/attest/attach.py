"""Attaches signed statements to a release, as OCI referrers that other tools can find and verify.

Machines sign Sigstore bundles, which `cosign` reads. People sign with SSH, which `ssh-keygen -Y
verify` reads. A release has two signatures, a bundle and one under cosign's legacy tag, since no
tool reads both forms (docs/signatures.md).
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from goldenpath.canonical import canonical_json
from goldenpath.errors import NotFound
from goldenpath.oci.copy import legacy_tag
from goldenpath.oci.descriptor import EMPTY, EMPTY_CONTENT, IMAGE_CONFIG, IMAGE_MANIFEST, Descriptor
from goldenpath.oci.manifest import MAX_MANIFEST, Manifest
from goldenpath.oci.store import Store, read
from goldenpath.release.attest.bundle import sign_statement
from goldenpath.release.attest.dsse import encode
from goldenpath.release.attest.media_types import (
    BUNDLE,
    CREATED,
    LEGACY_SIGNATURE,
    PREDICATE_TYPE,
    SIMPLE_SIGNING,
    SSH_SIGNATURE,
    SSH_STATEMENT,
)
from goldenpath.release.attest.signatures.signer import Signer
from goldenpath.release.attest.signatures.sshsig import STATEMENT_NAMESPACE, SshKey
from goldenpath.release.attest.statement import PAYLOAD_TYPE, SIGNED, Statement, render_time


def attach(
    store: Store, image: Descriptor, statement: Statement, signer: Signer, *, now: datetime
) -> Descriptor:
    """Sign the statement, attach it to `image`, and return the descriptor of the referrer."""
    dated = replace(statement, signed_at=now)
    bundle = _push(store, BUNDLE, sign_statement(dated, signer).render())
    annotations = {
        CREATED: render_time(now),
        "dev.sigstore.bundle.content": "dsse-envelope",
        PREDICATE_TYPE: statement.predicate_type,
    }
    return push_referrer(store, image, BUNDLE, (bundle,), annotations=annotations)


def attach_ssh(
    store: Store, image: Descriptor, statement: Statement, key: SshKey, *, now: datetime
) -> Descriptor:
    """Sign the statement with a person's SSH key and attach it to `image`."""
    payload = replace(statement, signed_at=now).render()
    signature = key.sign(payload, STATEMENT_NAMESPACE)
    layers = (
        replace(_push(store, PAYLOAD_TYPE, payload), annotations=_title("statement.json")),
        replace(
            _push(store, SSH_SIGNATURE, signature.encode()),
            annotations=_title("statement.json.sig"),
        ),
    )
    annotations = {
        CREATED: render_time(now),
        "dev.goldenpath.predicateType": statement.predicate_type,
    }
    return push_referrer(store, image, SSH_STATEMENT, layers, annotations=annotations)


def sign_image(
    store: Store, image: Descriptor, repository: str, signer: Signer, *, now: datetime
) -> Descriptor:
    """Sign the release itself: a bundle, and a signature under cosign's legacy tag.

    The legacy signature names a `repository`; if that is empty, there is no legacy signature.
    """
    referrer = attach(store, image, Statement((image.digest,), SIGNED, {}), signer, now=now)
    if repository:
        sign_legacy(store, image, repository, signer, now=now)
    return referrer


def simple_signing(image: Descriptor, repository: str, now: datetime) -> bytes:
    """Return the payload of a legacy signature; containers/image reads it strictly."""
    return canonical_json(
        {
            "critical": {
                "identity": {"docker-reference": repository},
                "image": {"docker-manifest-digest": image.digest.text},
                "type": "cosign container image signature",
            },
            "optional": {"creator": "goldenpath", "timestamp": int(now.timestamp())},
        }
    )


def sign_legacy(
    store: Store, image: Descriptor, repository: str, signer: Signer, *, now: datetime
) -> None:
    """Add a signature under cosign's legacy tag."""
    payload = simple_signing(image, repository, now)
    layer = replace(
        _push(store, SIMPLE_SIGNING, payload),
        annotations={LEGACY_SIGNATURE: encode(signer.sign(payload))},
    )
    layers = (*_earlier(store, legacy_tag(image.digest, ".sig")), layer)
    config = canonical_json(
        {
            "architecture": "",
            "os": "",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [each.digest.text for each in layers]},
        }
    )
    manifest = Manifest(_push(store, IMAGE_CONFIG, config), layers)
    store.tag(legacy_tag(image.digest, ".sig"), _push(store, IMAGE_MANIFEST, manifest.render()))


def _earlier(store: Store, tag: str) -> tuple[Descriptor, ...]:
    """Return the signatures under the tag, which stay when one is added."""
    try:
        return Manifest.parse(read(store, store.resolve(tag), MAX_MANIFEST)).layers
    except NotFound:
        return ()


def push_referrer(
    store: Store,
    image: Descriptor,
    kind: str,
    layers: tuple[Descriptor, ...],
    *,
    annotations: Mapping[str, str],
) -> Descriptor:
    """Store a manifest of these layers whose subject is `image`."""
    manifest = Manifest(
        config=_push(store, EMPTY, EMPTY_CONTENT),
        layers=layers,
        subject=Descriptor(image.media_type, image.digest, image.size),
        artifact_type=kind,
        annotations=annotations,
    )
    return replace(
        _push(store, IMAGE_MANIFEST, manifest.render()), artifact_type=kind, annotations=annotations
    )


def _push(store: Store, media_type: str, content: bytes) -> Descriptor:
    descriptor = Descriptor.of(media_type, content)
    store.push(descriptor, [content])
    return descriptor


def _title(name: str) -> Mapping[str, str]:
    return {"org.opencontainers.image.title": name}
