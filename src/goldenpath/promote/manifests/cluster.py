"""Files for a cluster: it follows this repository and refuses what the build did not sign.

Argo CD syncs the folders. Kyverno and the Sigstore policy-controller check signatures with the keys
of `platform.toml`. The files are generated and committed, so that they work without goldenpath.
"""

import json
from collections.abc import Iterator, Mapping

from goldenpath.parsers.yaml_parser import render_yaml
from goldenpath.promote.manifests.kustomize.packaged_files import packaged_files
from goldenpath.promote.platform.demands import Demands
from goldenpath.promote.platform.platform import Platform
from goldenpath.release.attest.policy import TrustedKey
from goldenpath.release.attest.signatures.p256 import to_pem
from goldenpath.release.attest.statement import PROVENANCE, SBOM, SIGNED

_HEAD = b"# Generated from platform.toml by goldenpath; change that file and not this one.\n"
_NAMES = {"sign": SIGNED, "slsa": PROVENANCE, "sbom": SBOM}
"""Predicate types that the admission policies ask for, by the name used in the policies."""

# Every URI scheme that KServe can load from, so that no scheme gets around the policy.
_IMAGES = (
    '([object.spec.predictor.?model.?storageUri.orValue("")]'
    ' + object.spec.?canary.orValue([]).map(c, c.predictor.?model.?storageUri.orValue("")))'
    '.filter(u, u.contains("oci")).map(u, u.replace("oci+native://", "")'
    '.replace("oci+fetch://", "").replace("oci+modelcar://", "").replace("oci://", ""))'
)


def render_cluster(platform: Platform) -> Mapping[str, bytes]:
    """Return the files by path."""
    keys = tuple(key for key in platform.build_keys if key.revoked_at is None)
    images = [_image_policy(platform, name, keys) for name in _NAMES]
    return {
        **{
            path: _HEAD + content for path, content in packaged_files("generated", platform).items()
        },
        "policies/kyverno.yaml": _HEAD + render_yaml(_kyverno(platform, keys)),
        "policies/policy-controller.yaml": _HEAD + b"---\n".join(map(render_yaml, images)),
    }


def _kyverno(platform: Platform, keys: tuple[TrustedKey, ...]) -> dict[str, object]:
    attestors = ", ".join(f"attestors.{_identifier(key.name)}" for key in keys)
    return {
        "apiVersion": "policies.kyverno.io/v1",
        "kind": "ImageValidatingPolicy",
        "metadata": {"name": "models-signed-by-the-build"},
        "spec": {
            "validationActions": ["Deny"],
            "failurePolicy": "Fail",
            "webhookConfiguration": {"timeoutSeconds": 30},
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": ["serving.kserve.io"],
                        "apiVersions": ["v1beta1"],
                        "operations": ["CREATE", "UPDATE"],
                        "resources": ["inferenceservices"],
                    }
                ]
            },
            "images": [{"name": "models", "expression": _IMAGES}],
            "matchImageReferences": [{"glob": f"{platform.registry_prefix}/*"}],
            "validationConfigurations": {
                "mutateDigest": False,
                "verifyDigest": True,
                "required": True,
            },
            "attestors": [
                {
                    "name": _identifier(key.name),
                    "cosign": {
                        "key": {"data": to_pem(key.public_key), "hashAlgorithm": "sha256"},
                        "ctlog": {"insecureIgnoreTlog": True, "insecureIgnoreSCT": True},
                    },
                }
                for key in keys
            ],
            "attestations": [
                {"name": name, "intoto": {"type": kind}} for name, kind in _NAMES.items()
            ],
            "validations": [
                *(_signed(name, attestors, platform.demands) for name in _NAMES),
                *_built(platform.demands),
            ],
        },
    }


def _signed(name: str, attestors: str, demands: Demands) -> dict[str, str]:
    threshold = demands.threshold if name == "sign" else 1
    return {
        "expression": (
            "images.models.map(i, verifyAttestationSignatures"
            f"(i, attestations.{name}, [{attestors}])).all(e, e >= {threshold})"
        ),
        "message": f"the model has no {name} attestation by {threshold} of the keys of the build",
    }


def _built(demands: Demands) -> Iterator[dict[str, str]]:
    """Yield the checks of the provenance that the platform demands."""
    repository = "buildDefinition.externalParameters.repository"
    for path, value in (
        ("runDetails.builder.id", demands.builder),
        (repository, demands.repository),
    ):
        if value is not None:
            attested = f"extractPayload(i, attestations.slsa).predicate.{path}"
            yield {
                "expression": f"images.models.map(i, {attested} == {json.dumps(value)}).all(e, e)",
                "message": f"the provenance of the model names another {path.rpartition('.')[2]}",
            }


def _image_policy(platform: Platform, name: str, keys: tuple[TrustedKey, ...]) -> dict[str, object]:
    """Return the policy of the policy-controller for one kind of statement.

    Its policies are and-ed and its authorities or-ed, so it can neither count keys nor check what
    a statement says.
    """
    authorities: list[dict[str, object]] = []
    for key in keys:
        authority: dict[str, object] = {
            "name": key.name,
            "key": {"hashAlgorithm": "sha256", "data": to_pem(key.public_key)},
        }
        if name != "sign":
            authority["attestations"] = [{"name": name, "predicateType": _NAMES[name]}]
        authorities.append(authority)
    return {
        "apiVersion": "policy.sigstore.dev/v1beta1",
        "kind": "ClusterImagePolicy",
        "metadata": {"name": f"models-{name}"},
        "spec": {
            "mode": "enforce",
            "images": [{"glob": f"{platform.registry_prefix}/**"}],
            "authorities": authorities,
        },
    }


def _identifier(name: str) -> str:
    """Return a name that CEL accepts after a dot."""
    return "key_" + name.replace("-", "_")
