"""The release that is attacked, and what an attacker can do to a store.

The attacker controls the registry and has own keys, but no trusted key. Some attacks need a
statement by a trusted key. Its owner then signed it by mistake or for another purpose.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.oci.descriptor import (
    EMPTY,
    EMPTY_CONTENT,
    IMAGE_CONFIG,
    IMAGE_LAYER,
    IMAGE_MANIFEST,
    Descriptor,
)
from goldenpath.oci.manifest import Manifest
from goldenpath.oci.store import Store
from goldenpath.oci.stream import verified
from goldenpath.release.attest.attach import attach
from goldenpath.release.attest.bundle import sign_statement
from goldenpath.release.attest.keys import PemSigner
from goldenpath.release.attest.media_types import BUNDLE
from goldenpath.release.attest.policy import Demand, Person, Policy, TrustedKey, Verified
from goldenpath.release.attest.signatures.signer import Signer
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.release.attest.statement import (
    APPROVAL,
    BUILD_TYPE,
    DATASET,
    EVIDENCE,
    METRICS,
    PROVENANCE,
    SBOM,
    SCAN,
    SIGNED,
    TEST_RESULT,
    Statement,
)

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SIGNED_AT = NOW - timedelta(hours=1)
REPOSITORY = "https://git.example/team/credit"
BUILDER = "https://ci.example/goldenpath"
DEMANDED = (SIGNED, *EVIDENCE, SCAN)
DATA = Digest.of(b"the rows of a panel")
WEIGHTS = b"the weights of a credit model" * 40


def holds(verified: Verified) -> bool:
    """Whether the release was accepted: the aim of attacks that take something away."""
    return verified.holds


def counted(verified: Verified) -> bool:
    """Whether release and forged statement were accepted: the aim of most attacks."""
    return verified.holds and all(verified.of_type(kind) for kind in DEMANDED)


def approved(verified: Verified) -> bool:
    """Whether an approval was counted."""
    return bool(verified.of_type(APPROVAL))


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the verifier gets, and the test whether the attacker succeeded."""

    store: Store
    digest: Digest
    demand: Demand
    succeeded: Callable[[Verified], bool] = counted


@dataclass(frozen=True, slots=True)
class Hostile:
    """A store that serves other bytes and lists other referrers than were pushed."""

    inner: Store
    served: Mapping[Digest, bytes] = field(default_factory=dict)
    listed: tuple[Descriptor, ...] = ()

    def fetch(self, descriptor: Descriptor) -> Iterator[bytes]:
        """See `Store.fetch`. Served bytes are checked like those of any store."""
        content = self.served.get(descriptor.digest)
        if content is None:
            return self.inner.fetch(descriptor)
        return verified(descriptor, [content])

    def push(self, descriptor: Descriptor, chunks: Iterable[bytes]) -> None:
        """See `Store.push`."""
        self.inner.push(descriptor, chunks)

    def add(self, media_type: str, chunks: Iterable[bytes]) -> Descriptor:
        """See `Store.add`."""
        return self.inner.add(media_type, chunks)

    def exists(self, descriptor: Descriptor) -> bool:
        """See `Store.exists`."""
        return self.inner.exists(descriptor)

    def resolve(self, name: str) -> Descriptor:
        """See `Store.resolve`."""
        return self.inner.resolve(name)

    def tag(self, name: str, descriptor: Descriptor) -> None:
        """See `Store.tag`."""
        self.inner.tag(name, descriptor)

    def tags(self) -> tuple[str, ...]:
        """See `Store.tags`."""
        return self.inner.tags()

    def referrers(
        self, subject: Digest, artifact_type: str | None = None
    ) -> tuple[Descriptor, ...]:
        """See `Store.referrers`."""
        extra = tuple(each for each in self.listed if artifact_type in (None, each.artifact_type))
        return (*self.inner.referrers(subject, artifact_type), *extra)


@dataclass(frozen=True, slots=True)
class AttackScene:
    """A store with an unsigned image, the trusted keys, and keys that nobody trusts."""

    store: Store
    image: Descriptor
    release: PemSigner
    second: PemSigner
    stranger: PemSigner
    approver: SshKey
    unlisted: Ed25519PrivateKey
    demand: Demand

    def statement(self, kind: str, *also: Digest, **changes: JsonValue) -> Statement:
        """Return the correct statement of a kind, with `changes` of members of its predicate.

        Its subjects are the image and `also`.
        """
        predicate = {**_predicates(self.image.digest)[kind], **changes}
        return Statement((self.image.digest, *also), kind, predicate, SIGNED_AT)

    def publish(self, *without: str) -> None:
        """Sign and attach every demanded statement except those of some kinds."""
        for kind in DEMANDED:
            if kind not in without:
                self.attach(self.statement(kind))

    def attach(self, statement: Statement, signer: Signer | None = None) -> Descriptor:
        """Sign with the key of the release, or another one, and attach correctly."""
        moment = statement.signed_at or SIGNED_AT
        return attach(self.store, self.image, statement, signer or self.release, now=moment)

    def bundle(self, statement: Statement, signer: Signer | None = None) -> bytes:
        """Return the signed bundle without attaching it."""
        return sign_statement(statement, signer or self.release).render()

    def plant(
        self,
        *contents: bytes,
        types: tuple[str, ...] = (BUNDLE,),
        kind: str = BUNDLE,
        subject: Descriptor | None = None,
    ) -> Descriptor:
        """Attach any bytes in any form, as everybody can who may write to the registry."""
        padded = (*types, *("application/octet-stream",) * (len(contents) - len(types)))
        layers = tuple(
            self.push(media_type, content)
            for media_type, content in zip(padded, contents, strict=False)
        )
        config = self.push(EMPTY, EMPTY_CONTENT)
        manifest = Manifest(config, layers, subject or self.image, kind)
        return replace(self.push(IMAGE_MANIFEST, manifest.render()), artifact_type=kind)

    def push(self, media_type: str, content: bytes) -> Descriptor:
        """Store one content."""
        descriptor = Descriptor.of(media_type, content)
        self.store.push(descriptor, [content])
        return descriptor

    def attempt(
        self,
        *,
        store: Store | None = None,
        policy: Policy | None = None,
        people: tuple[Person, ...] | None = None,
        succeeded: Callable[[Verified], bool] = counted,
    ) -> Attempt:
        """Return what the verifier gets after the tampering."""
        demand = replace(
            self.demand,
            policy=policy or self.demand.policy,
            people=self.demand.people if people is None else people,
        )
        return Attempt(store or self.store, self.image.digest, demand, succeeded)

    @property
    def key(self) -> TrustedKey:
        """The key of the release as the policy lists it."""
        return self.demand.policy.keys[0]


def stage(store: Store, weights: bytes = WEIGHTS) -> AttackScene:
    """Return a new scene in an empty store."""
    release, second = _signer(), _signer()
    keys = (
        TrustedKey("release", release.public_key()),
        TrustedKey("second", second.public_key()),
    )
    approver = SshKey.of(Ed25519PrivateKey.generate())
    people = (Person("validator", ("validator",), approver.public_line),)
    policy = Policy(keys, DEMANDED, 1, REPOSITORY, BUILDER)
    image = push_image(store, weights)
    demand = Demand(image.digest, policy, people, NOW)
    return AttackScene(
        store, image, release, second, _signer(), approver, Ed25519PrivateKey.generate(), demand
    )


def push_image(store: Store, weights: bytes, *, size: int | None = None) -> Descriptor:
    """Store an image with a config and one layer; `size` is a wrong size for the layer."""
    contents = [
        (IMAGE_CONFIG, b'{"architecture":"amd64","os":"linux"}'),
        (IMAGE_LAYER, weights),
    ]
    config, layer = (Descriptor.of(*each) for each in contents)
    for descriptor, (_, content) in zip((config, layer), contents, strict=True):
        store.push(descriptor, [content])
    listed = layer if size is None else replace(layer, size=size)
    manifest = Manifest(config, (listed,)).render()
    descriptor = Descriptor.of(IMAGE_MANIFEST, manifest)
    store.push(descriptor, [manifest])
    return descriptor


def _signer() -> PemSigner:
    return PemSigner(ec.generate_private_key(ec.SECP256R1()))


def _predicates(image: Digest) -> Mapping[str, Mapping[str, JsonValue]]:
    return {
        SIGNED: {},
        PROVENANCE: {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"repository": REPOSITORY, "seed": 7},
                "resolvedDependencies": [{"name": "panel", "digest": {"sha256": DATA.hex}}],
            },
            "runDetails": {"builder": {"id": BUILDER}},
        },
        SBOM: {
            "bomFormat": "CycloneDX",
            "metadata": {"component": {"hashes": [{"alg": "SHA-256", "content": image.hex}]}},
        },
        DATASET: {"datasets": [{"name": "panel", "digest": DATA.text}]},
        METRICS: {"metrics": [{"name": "roc_auc", "value": 0.71}]},
        TEST_RESULT: {"result": "PASSED"},
        SCAN: {"files": 3, "found": [], "vulnerabilities": [], "vulnerabilityScan": "not scanned"},
    }
