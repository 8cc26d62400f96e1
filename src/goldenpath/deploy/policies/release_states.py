"""Releases for the cases about signatures: one that is right, and others that are not.

Each is a tiny image with statements about it, by keys that live as long as the test. The platform
that judges them trusts these keys and is otherwise the given one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec

from goldenpath.canonical import JsonValue, canonical_json
from goldenpath.deploy.reconcile.admission_statement import StandingAdmission
from goldenpath.digest import Digest
from goldenpath.oci.descriptor import IMAGE_CONFIG, IMAGE_MANIFEST, Descriptor
from goldenpath.oci.manifest import Manifest
from goldenpath.oci.store import Store
from goldenpath.promote.platform.demands import Demands
from goldenpath.promote.platform.platform import Platform
from goldenpath.release.attest.attach import attach
from goldenpath.release.attest.keys import PemSigner
from goldenpath.release.attest.policy import TrustedKey
from goldenpath.release.attest.statement import (
    BUILD_TYPE,
    BUILDER,
    PROVENANCE,
    SBOM,
    SIGNED,
    Statement,
)

MODEL = "credit-default"
_TAR = "application/vnd.oci.image.layer.v1.tar"
_REPOSITORY = "https://git.example/team/credit"
_LASTS = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class ReleaseState:
    """What is signed about a release, and the name of the rule that refuses it; empty for none."""

    name: str
    rule: str = ""
    signers: Mapping[str, str] = field(default_factory=dict)
    """Who signs a statement in place of whoever should: `build`, `follower`, `stranger`, nobody."""
    builder: str = BUILDER
    repository: str = _REPOSITORY
    stage: str = ""
    """The stage of the admission; empty for the right one."""
    model: str = MODEL
    lasts: timedelta = _LASTS


STATES = (
    ReleaseState("signed and admitted"),
    ReleaseState("nobody signed it", "sign", {"sign": ""}),
    ReleaseState("a stranger signed it", "sign", {"sign": "stranger"}),
    ReleaseState("the key of the follower signed it", "sign", {"sign": "follower"}),
    ReleaseState("no provenance", "slsa", {"slsa": ""}),
    ReleaseState("the provenance of a stranger", "slsa", {"slsa": "stranger"}),
    ReleaseState("no bill of materials", "sbom", {"sbom": ""}),
    ReleaseState("another builder", "builder", builder="https://evil.example/builder"),
    ReleaseState("another repository", "repository", repository="https://evil.example/code"),
    ReleaseState("nobody admitted it", "admitted", {"admitted": ""}),
    ReleaseState("admitted by the key of the build", "admitted", {"admitted": "build"}),
    ReleaseState("admitted by a stranger", "admitted", {"admitted": "stranger"}),
    ReleaseState("admitted to another stage", "admitted", stage="another"),
    ReleaseState("its admission has ended", "expires", lasts=-timedelta(minutes=1)),
    ReleaseState("the admission of another model", "model", model="another-model"),
)


@dataclass(frozen=True, slots=True)
class CaseKeys:
    """The keys of a run of the cases, in memory."""

    build: PemSigner
    follower: PemSigner
    stranger: PemSigner

    @classmethod
    def make(cls) -> "CaseKeys":
        """Make three keys."""
        build, follower, stranger = (
            PemSigner(ec.generate_private_key(ec.SECP256R1())) for _ in range(3)
        )
        return cls(build, follower, stranger)

    def signer(self, name: str) -> PemSigner:
        """Return a key by its name."""
        signers = {"build": self.build, "follower": self.follower, "stranger": self.stranger}
        return signers[name]

    def trusting(self, platform: Platform) -> Platform:
        """Return the platform that trusts these keys and demands what the cases need."""
        return replace(
            platform,
            build_keys=(TrustedKey("build", self.build.public_key()),),
            admission_keys=(TrustedKey("follower", self.follower.public_key()),),
            demands=Demands(_REPOSITORY, BUILDER),
        )


def push_release(
    store: Store, state: ReleaseState, stage: str, *, keys: CaseKeys, now: datetime
) -> Digest:
    """Put a release in this state into the store, and return its digest."""
    image = _push_image(store, state.name)
    for part, usual, statement in _statements(state, image.digest, stage, now):
        by = state.signers.get(part, usual)
        if by:
            attach(store, image, statement, keys.signer(by), now=now)
    return image.digest


def _statements(
    state: ReleaseState, digest: Digest, stage: str, now: datetime
) -> Iterator[tuple[str, str, Statement]]:
    """Yield each statement with its name and who should sign it."""
    parameters: JsonValue = {"repository": state.repository, "commit": "a" * 40}
    provenance: dict[str, JsonValue] = {
        "buildDefinition": {"buildType": BUILD_TYPE, "externalParameters": parameters},
        "runDetails": {"builder": {"id": state.builder}},
    }
    hashes: JsonValue = [{"alg": "SHA-256", "content": digest.hex}]
    bill: dict[str, JsonValue] = {
        "bomFormat": "CycloneDX",
        "metadata": {"component": {"name": MODEL, "hashes": hashes}},
    }
    admission = StandingAdmission(
        digest, state.stage or stage, state.model, "c" * 40, now + state.lasts
    )
    yield "sign", "build", Statement((digest,), SIGNED, {})
    yield "slsa", "build", Statement((digest,), PROVENANCE, provenance)
    yield "sbom", "build", Statement((digest,), SBOM, bill)
    yield "admitted", "follower", admission.statement()


def _push_image(store: Store, name: str) -> Descriptor:
    # An archive without entries: nothing starts from it, it only has to be an image.
    layer = _push(store, _TAR, bytes(1024))
    config = canonical_json(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Labels": {"case": name}},
            "rootfs": {"type": "layers", "diff_ids": [layer.digest.text]},
        }
    )
    manifest = Manifest(_push(store, IMAGE_CONFIG, config), (layer,))
    return _push(store, IMAGE_MANIFEST, manifest.render())


def _push(store: Store, media_type: str, content: bytes) -> Descriptor:
    descriptor = Descriptor.of(media_type, content)
    store.push(descriptor, [content])
    return descriptor
