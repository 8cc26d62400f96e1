"""Policies for images: Kyverno asks for the build's signatures and for the follower's admission.

A policy is made for each stage, since an admission is about one stage. It judges services and pods,
and of them the releases of the platform's registry alone: everything else is refused by the
policies in `policies/builtin`, which ask no registry.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from goldenpath.canonical import JsonValue
from goldenpath.promote.manifests.object_names import namespace_of
from goldenpath.promote.platform.platform import Platform
from goldenpath.release.attest.contents import JOB
from goldenpath.release.attest.policy import TrustedKey
from goldenpath.release.attest.signatures.p256 import to_pem
from goldenpath.release.attest.statement import PROVENANCE, SBOM, SIGNED, admitted_type

NAMES = {"sign": SIGNED, "slsa": PROVENANCE, "sbom": SBOM}
"""Predicate types that the policies ask for, by the name used in the policies."""
JOB_RULE = "job-"
"""How the names of the rules begin that ask about the token of a CI job."""
_PLACES = {
    # The release of a service; the policies in `policies/builtin` let in no other place for it.
    "services": "[object.spec.?predictor.?model.?storageUri.orValue('')]",
    # What a pod mounts as an image, and what an initializer fetches.
    "pods": (
        "object.spec.?volumes.orValue([]).map(v, v.?image.?reference.orValue(''))"
        " + object.spec.?initContainers.orValue([])"
        ".map(c, has(c.args) && size(c.args) > 0 ? c.args[0] : '')"
    ),
}
_RESOURCES = {
    "services": ("serving.kserve.io", "v1beta1", "inferenceservices"),
    "pods": ("", "v1", "pods"),
}


@dataclass(frozen=True, slots=True)
class ImageRule:
    """One validation of a policy for images."""

    name: str
    message: str
    expression: str


def image_rules(platform: Platform, stage: str) -> tuple[ImageRule, ...]:
    """Return what an engine asks of each release in a stage."""
    build = _attestors("key", _trusted(platform.build_keys))
    rules = [_signed(name, build, platform.demands.threshold) for name in NAMES]
    rules.extend(_built(platform))
    if platform.admission_keys:
        rules.extend(_admitted(_attestors("admits", _trusted(platform.admission_keys))))
    return tuple(rules)


def kyverno_policies(platform: Platform) -> Iterator[dict[str, JsonValue]]:
    """Yield two policies for each stage: for services, and for pods."""
    for stage in platform.stages:
        for kind in _PLACES:
            yield _policy(platform, stage.name, kind)


def _policy(platform: Platform, stage: str, kind: str) -> dict[str, JsonValue]:
    group, version, resource = _RESOURCES[kind]
    # Kubernetes changes a pod often, and its images never.
    operations: list[JsonValue] = ["CREATE", "UPDATE"] if kind == "services" else ["CREATE"]
    keys = [("key", each) for each in _trusted(platform.build_keys)]
    keys += [("admits", each) for each in _trusted(platform.admission_keys)]
    types = dict(NAMES)
    if platform.admission_keys:
        types["admitted"] = admitted_type(stage)
    return {
        "apiVersion": "policies.kyverno.io/v1",
        "kind": "ImageValidatingPolicy",
        "metadata": {"name": f"goldenpath-{stage}-{kind}"},
        "spec": {
            "validationActions": ["Deny"],
            "failurePolicy": "Fail",
            "webhookConfiguration": {"timeoutSeconds": 30},
            "autogen": {"podControllers": {"controllers": []}},
            "matchConstraints": {
                "namespaceSelector": {
                    "matchLabels": {"kubernetes.io/metadata.name": namespace_of(stage)}
                },
                "resourceRules": [
                    {
                        "apiGroups": [group],
                        "apiVersions": [version],
                        "operations": operations,
                        "resources": [resource],
                    }
                ],
            },
            "matchConditions": [
                {
                    "name": "stays",
                    "expression": "!has(object.metadata.deletionTimestamp)",
                }
            ],
            "images": [{"name": "models", "expression": _references(kind)}],
            "matchImageReferences": [{"glob": f"{platform.registry_prefix}/*"}],
            "validationConfigurations": {
                "mutateDigest": False,
                "verifyDigest": True,
                "required": True,
            },
            "attestors": [_attestor(prefix, key) for prefix, key in keys],
            "attestations": [
                {"name": name, "intoto": {"type": predicate}} for name, predicate in types.items()
            ],
            "validations": [
                {"expression": rule.expression, "message": rule.message}
                for rule in image_rules(platform, stage)
            ],
        },
    }


def _references(kind: str) -> str:
    """Return the expression for the images of our registry that an object names."""
    return (
        f"({_PLACES[kind]}).filter(u, u != '')"
        ".map(u, u.replace('oci+native://', '').replace('goldenpath+oci://', ''))"
    )


def _attestor(prefix: str, key: TrustedKey) -> dict[str, JsonValue]:
    return {
        "name": _identifier(prefix, key),
        "cosign": {
            "key": {"data": to_pem(key.public_key), "hashAlgorithm": "sha256"},
            "ctlog": {"insecureIgnoreTlog": True, "insecureIgnoreSCT": True},
        },
    }


def _signed(name: str, attestors: str, threshold: int) -> ImageRule:
    count = threshold if name == "sign" else 1
    return ImageRule(
        name,
        f"the model has no {name} attestation by {count} of the keys of the build",
        "images.models.map(i, verifyAttestationSignatures"
        f"(i, attestations.{name}, [{attestors}])).all(e, e >= {count})",
    )


def _built(platform: Platform) -> Iterator[ImageRule]:
    """Yield the checks of the provenance that the platform demands."""
    demands = platform.demands
    for name, path, value in (
        ("builder", "runDetails.builder.id", demands.builder),
        (
            "repository",
            "buildDefinition.externalParameters.repository",
            demands.repository,
        ),
    ):
        if value is not None:
            attested = f"extractPayload(i, attestations.slsa).predicate.{path}"
            yield ImageRule(
                name,
                f"the provenance of the model names another {path.rpartition('.')[2]}",
                f"images.models.map(i, {attested} == {json.dumps(value)}).all(e, e)",
            )
    for name, text in demands.job.record().items():
        attested = f"extractPayload(i, attestations.slsa).predicate.{'.'.join(JOB)}.?{name}"
        yield ImageRule(
            f"{JOB_RULE}{name}",
            f"the provenance of the model names another {name} of its CI job",
            f"images.models.map(i, {attested}.orValue('') == {json.dumps(text)}).all(e, e)",
        )


def _admitted(attestors: str) -> Iterator[ImageRule]:
    yield ImageRule(
        "admitted",
        "no follower signed that it admitted the model to this stage",
        "images.models.map(i, verifyAttestationSignatures"
        f"(i, attestations.admitted, [{attestors}])).all(e, e >= 1)",
    )
    content = "extractPayload(i, attestations.admitted).predicate"
    yield ImageRule(
        "expires",
        "the admission of the model has ended, and no follower renewed it",
        f"images.models.map(i, timestamp({content}.expires) > time.now()).all(e, e)",
    )
    yield ImageRule(
        "model",
        "the admission is about another model than the repository",
        f"images.models.map(i, i.split('@')[0].endsWith('/' + {content}.model)).all(e, e)",
    )


def _trusted(keys: tuple[TrustedKey, ...]) -> tuple[TrustedKey, ...]:
    return tuple(key for key in keys if key.revoked_at is None)


def _attestors(prefix: str, keys: tuple[TrustedKey, ...]) -> str:
    return ", ".join(f"attestors.{_identifier(prefix, key)}" for key in keys)


def _identifier(prefix: str, key: TrustedKey) -> str:
    """Return a name that CEL accepts after a dot."""
    return f"{prefix}_{key.name.replace('-', '_')}"
