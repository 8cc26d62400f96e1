"""Attacks on the whole release: image, blobs, missing evidence, and a policy that demands none."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

from goldenpath.digest import Digest
from goldenpath.oci.descriptor import IMAGE_MANIFEST, Descriptor
from goldenpath.oci.manifest import MAX_MANIFEST, Manifest
from goldenpath.oci.store import read
from goldenpath.release.attacks.attack import Attack
from goldenpath.release.attacks.attack_scene import (
    SIGNED_AT,
    WEIGHTS,
    AttackScene,
    Attempt,
    Hostile,
    holds,
    push_image,
)
from goldenpath.release.attest.attach import sign_legacy
from goldenpath.release.attest.policy import Policy
from goldenpath.release.attest.statement import (
    DATASET,
    EVIDENCE,
    METRICS,
    PROVENANCE,
    SBOM,
    SIGNED,
    TEST_RESULT,
)

_BUNDLE_ANNOTATION = "dev.sigstore.bundle.predicateType"


def _policy(*without: str, change: Callable[[Policy], Policy]) -> Callable[[AttackScene], Attempt]:
    def prepare(scene: AttackScene) -> Attempt:
        scene.publish(*without)
        return scene.attempt(policy=change(scene.demand.policy), succeeded=holds)

    return prepare


def _other_image(weights: bytes) -> Callable[[AttackScene], Attempt]:
    """Return an attack in which the store serves another model's manifest under this digest."""

    def prepare(scene: AttackScene) -> Attempt:
        scene.publish()
        other = read(scene.store, push_image(scene.store, weights), MAX_MANIFEST)
        return scene.attempt(store=Hostile(scene.store, {scene.image.digest: other}))

    return prepare


def _weights(change: Callable[[bytes], bytes]) -> Callable[[AttackScene], Attempt]:
    """Return an attack in which the store serves changed weights."""

    def prepare(scene: AttackScene) -> Attempt:
        scene.publish()
        served = {Digest.of(WEIGHTS): change(WEIGHTS)}
        return scene.attempt(store=Hostile(scene.store, served))

    return prepare


def _flipped(seed: int) -> Callable[[bytes], bytes]:
    """Return a change of one bit at a random place."""

    def flip(content: bytes) -> bytes:
        at = Random(seed).randrange(len(content))  # noqa: S311
        return content[:at] + bytes([content[at] ^ (1 << seed % 8)]) + content[at + 1 :]

    return flip


def _config(scene: AttackScene) -> Attempt:
    scene.publish()
    manifest = Manifest.parse(read(scene.store, scene.image, MAX_MANIFEST))
    other = b'{"architecture":"arm64","os":"linux"}'
    return scene.attempt(store=Hostile(scene.store, {manifest.config.digest: other}))


def _swapped_layers(scene: AttackScene) -> Attempt:
    """The store serves the config as weights and the weights as config."""
    scene.publish()
    manifest = Manifest.parse(read(scene.store, scene.image, MAX_MANIFEST))
    [layer], config = manifest.layers, manifest.config
    served = {
        layer.digest: b"".join(scene.store.fetch(config)),
        config.digest: b"".join(scene.store.fetch(layer)),
    }
    return scene.attempt(store=Hostile(scene.store, served))


def _signed_image(image: Callable[[AttackScene], Descriptor]) -> Callable[[AttackScene], Attempt]:
    """Return an attack in which a trusted key signs a manifest that does not match its blobs."""

    def prepare(scene: AttackScene) -> Attempt:
        wrong = image(scene)
        demand = replace(scene.demand, digest=wrong.digest)
        other = replace(scene, image=wrong, demand=demand)
        other.publish()
        return other.attempt()

    return prepare


def _wrong_size(difference: int) -> Callable[[AttackScene], Descriptor]:
    return lambda scene: push_image(scene.store, WEIGHTS, size=len(WEIGHTS) + difference)


def _missing_blob(scene: AttackScene) -> Descriptor:
    manifest = Manifest.parse(read(scene.store, scene.image, MAX_MANIFEST))
    absent = Descriptor.of(manifest.layers[0].media_type, b"nowhere")
    return scene.push(IMAGE_MANIFEST, replace(manifest, layers=(absent,)).render())


def _unsigned(scene: AttackScene) -> Attempt:
    scene.publish(SIGNED)
    return scene.attempt(succeeded=holds)


def _legacy_only(scene: AttackScene) -> Attempt:
    """Attach only cosign's older signature, which names neither time nor kind."""
    scene.publish(SIGNED)
    sign_legacy(scene.store, scene.image, "registry.example/credit", scene.release, now=SIGNED_AT)
    return scene.attempt(succeeded=holds)


def _one_of_two(*, again: bool) -> Callable[[AttackScene], Attempt]:
    def prepare(scene: AttackScene) -> Attempt:
        scene.publish()
        if again:
            scene.attach(scene.statement(SIGNED))
        return scene.attempt(policy=replace(scene.demand.policy, threshold=2), succeeded=holds)

    return prepare


def _stripped(kind: str) -> Callable[[AttackScene], Attempt]:
    def prepare(scene: AttackScene) -> Attempt:
        scene.publish(kind)
        return scene.attempt(succeeded=holds)

    return prepare


def _mislabelled(scene: AttackScene) -> Attempt:
    """Attach metrics whose manifest labels them as bill of materials."""
    scene.publish(SBOM)
    planted = scene.plant(scene.bundle(scene.statement(METRICS)))
    manifest = Manifest.parse(read(scene.store, planted, MAX_MANIFEST))
    labelled = replace(manifest, annotations={_BUNDLE_ANNOTATION: SBOM})
    scene.push(IMAGE_MANIFEST, labelled.render())
    return scene.attempt(succeeded=holds)


def _misspelt(kind: str) -> Callable[[AttackScene], Attempt]:
    """Return an attack with evidence whose predicate type only resembles the demanded one."""

    def prepare(scene: AttackScene) -> Attempt:
        scene.publish(SBOM)
        scene.attach(replace(scene.statement(SBOM), predicate_type=kind))
        return scene.attempt(succeeded=holds)

    return prepare


ATTACKS = (
    Attack("the policy demands no evidence", "policy", _policy(
        *EVIDENCE, change=lambda policy: replace(policy, required=()))),
    Attack("the policy demands no signature", "policy", _policy(
        SIGNED, change=lambda policy: replace(policy, threshold=0))),
    Attack("the policy demands nothing", "policy", _policy(
        SIGNED, *EVIDENCE, change=lambda policy: replace(policy, required=(), threshold=0))),
    Attack("another model is served under the digest", "image", _other_image(b"other weights")),
    Attack("an empty model is served under the digest", "image", _other_image(b"")),
    *(
        Attack(f"a bit of the weights flips ({seed})", "blobs", _weights(_flipped(seed)))
        for seed in range(4)
    ),
    Attack("the first byte of the weights changes", "blobs", _weights(lambda c: b"~" + c[1:])),
    Attack("the weights are cut short", "blobs", _weights(lambda c: c[:-1])),
    Attack("the weights are empty", "blobs", _weights(lambda _: b"")),
    Attack("bytes stand behind the weights", "blobs", _weights(lambda c: c + b"\0")),
    Attack("another config is served", "blobs", _config),
    Attack("config and weights are swapped", "blobs", _swapped_layers),
    Attack("the manifest says a smaller size", "blobs", _signed_image(_wrong_size(-1))),
    Attack("the manifest says a larger size", "blobs", _signed_image(_wrong_size(1))),
    Attack("a blob is not there", "blobs", _signed_image(_missing_blob)),
    Attack("the signature is taken off, attestations stay", "threshold", _unsigned),
    Attack("only the legacy signature is there", "threshold", _legacy_only),
    Attack("one of two keys signs", "threshold", _one_of_two(again=False)),
    Attack("one of two keys signs twice", "threshold", _one_of_two(again=True)),
    Attack("the bill of materials is taken off", "required", _stripped(SBOM)),
    Attack("the provenance is taken off", "required", _stripped(PROVENANCE)),
    Attack("the metrics are taken off", "required", _stripped(METRICS)),
    Attack("the data manifests are taken off", "required", _stripped(DATASET)),
    Attack("the test results are taken off", "required", _stripped(TEST_RESULT)),
    Attack("metrics are labelled as bill of materials", "required", _mislabelled),
    Attack("the predicate type is misspelt", "required", _misspelt("https://cyclonedx.org/b0m")),
    Attack("the predicate type has a slash more", "required", _misspelt(SBOM + "/")),
)  # fmt: skip
