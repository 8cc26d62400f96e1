"""Attaches signed statements to a release, as OCI referrers that other tools can find and verify.

Machines sign Sigstore bundles, which `cosign` reads. People sign with SSH, which `ssh-keygen -Y
verify` reads. A release has two signatures, a bundle and one under cosign's legacy tag, since no
tool reads both forms (docs/signatures.md).
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from goldenpath.canonical import canonical_json
from goldenpath.errors import InvalidInput, NotFound, VerificationError
from goldenpath.oci.copy import legacy_tag
from goldenpath.oci.descriptor import EMPTY, EMPTY_CONTENT, IMAGE_CONFIG, IMAGE_MANIFEST, Descriptor
from goldenpath.oci.manifest import MAX_MANIFEST, Manifest
from goldenpath.oci.store import Store, read
from goldenpath.release.attest.bundle import sign_statement
from goldenpath.release.attest.cosign import MAX_LAYERS
from goldenpath.release.attest.dsse import decode, encode
from goldenpath.release.attest.media_types import (
    BUNDLE,
    CREATED,
    LEGACY_SIGNATURE,
    PREDICATE_TYPE,
    SIMPLE_SIGNING,
    SSH_SIGNATURE,
    SSH_STATEMENT,
)
from goldenpath.release.attest.signatures.p256 import is_signed
from goldenpath.release.attest.signatures.signer import Signer
from goldenpath.release.attest.signatures.sshsig import STATEMENT_NAMESPACE, SshKey
from goldenpath.release.attest.statement import PAYLOAD_TYPE, SIGNED, Statement, render_time
from goldenpath.release.attest.verify import MAX_STATEMENT


def attach(
    store: Store, image: Descriptor, statement: Statement, signer: Signer, *, now: datetime
) -> Descriptor:
    """Sign the statement, attach it to `image`, and return the descriptor of the referrer."""
    dated = replace(statement, signed_at=now)
    content = _readable(sign_statement(dated, signer).render())
    bundle = _push(store, BUNDLE, content)
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
    payload = _readable(replace(statement, signed_at=now).render())
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
    earlier = _earlier(store, legacy_tag(image.digest, ".sig"))
    layers = (*_with_room(store, image, earlier, signer), layer)
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


def _with_room(
    store: Store, image: Descriptor, layers: tuple[Descriptor, ...], signer: Signer
) -> tuple[Descriptor, ...]:
    """Return the signatures that stay beside another one, so that readers find all of them.

    Where they are as many as anybody reads, the signer's own go: the new one replaces them. Raises
    `InvalidInput` if all are by others.
    """
    if len(layers) < MAX_LAYERS:
        return layers
    kept = tuple(each for each in layers if not _is_by(store, each, signer.public_key()))
    if len(kept) >= MAX_LAYERS:
        raise InvalidInput(
            f"{image.digest.short} has {len(kept)} signatures by others under its tag .sig: "
            f"expected fewer than {MAX_LAYERS}, which is what is read of them",
            hint="remove that tag from the registry, and limit who may push to it",
        )
    return kept


def _is_by(store: Store, layer: Descriptor, public_key: bytes) -> bool:
    try:
        signature = decode(layer.annotations.get(LEGACY_SIGNATURE, ""), "signature")
        return is_signed(public_key, read(store, layer, MAX_STATEMENT), signature)
    except (InvalidInput, NotFound, VerificationError):
        return False  # nobody can count it, and it is not ours


def _readable(content: bytes) -> bytes:
    """Return a statement that `verify` will read. Raises `InvalidInput` for a larger one."""
    if len(content) > MAX_STATEMENT:
        raise InvalidInput(
            f"the statement has {len(content)} bytes: expected at most {MAX_STATEMENT}, since "
            "verify reads no larger one",
            hint="attach large evidence as a file of its own, and name its digest in the statement",
        )
    return content


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
