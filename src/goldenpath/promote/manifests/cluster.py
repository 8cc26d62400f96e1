"""Files for a cluster: it follows this repository and refuses what the build did not sign.

Argo CD syncs the folders. Kyverno and the Sigstore policy-controller check signatures with the keys
of `platform.toml`. The files are generated and committed, so that they work without goldenpath.
"""

from collections.abc import Mapping

from goldenpath.parsers.yaml_parser import render_yaml
from goldenpath.promote.manifests.kustomize.image_policies import NAMES, kyverno_policies
from goldenpath.promote.manifests.kustomize.packaged_files import packaged_files
from goldenpath.promote.platform.platform import Platform
from goldenpath.release.attest.policy import TrustedKey
from goldenpath.release.attest.signatures.p256 import to_pem

VERIFIED = "verified"
"""The branch that clusters follow once a follower judges for them."""
_HEAD = b"# Generated from platform.toml by goldenpath; change that file and not this one.\n"
_LIMITS = b"""\
# The other choice beside kyverno.yaml, and it says less. With a key, policy-controller 0.15 reads
# the older tags of cosign and no bundles: it finds our signature, and attestations only where they
# were written under the tag .att as well. It cannot count keys, or ask what a statement says: not
# the stage, and not the end of an admission. It sees images of containers, and neither volumes nor
# the address of a service. Apply it beside policies/builtin, never in place of them.
"""


def followed_branch(platform: Platform) -> str:
    """Return the branch that Argo CD watches: what a follower judged, once one is listed."""
    return VERIFIED if platform.admission_keys else "main"


def render_cluster(platform: Platform) -> Mapping[str, bytes]:
    """Return the files by path."""
    keys = tuple(key for key in platform.build_keys if key.revoked_at is None)
    images = [_image_policy(platform, name, keys) for name in NAMES]
    engine = b"---\n".join(render_yaml(each) for each in kyverno_policies(platform))
    return {
        **{
            path: _HEAD + content
            for path, content in packaged_files(
                "generated", platform, branch=followed_branch(platform)
            ).items()
        },
        "policies/kyverno.yaml": _HEAD + engine,
        "policies/policy-controller.yaml": _HEAD
        + _LIMITS
        + b"---\n".join(map(render_yaml, images)),
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
            authority["attestations"] = [{"name": name, "predicateType": NAMES[name]}]
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
