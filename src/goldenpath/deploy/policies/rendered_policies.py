"""The built-in policies as they stand in a gitops repository, and the images that they let in."""

from collections.abc import Mapping

from goldenpath.canonical import JsonValue
from goldenpath.deploy.cluster.api_fields import members
from goldenpath.deploy.policies.builtin_policy import BuiltinPolicy, read_policies
from goldenpath.parsers.yaml_parser import parse_yaml
from goldenpath.promote.manifests.kustomize.packaged_files import packaged_files
from goldenpath.promote.platform.platform import Platform

_FOLDER = "policies/builtin/"
_IMAGES = "cluster/base/images.yaml"


def rendered_policies(platform: Platform) -> tuple[BuiltinPolicy, ...]:
    """Return the policies of the platform that Kubernetes itself enforces."""
    return read_policies(
        document
        for path, content in sorted(packaged_files("generated", platform).items())
        if path.startswith(_FOLDER)
        for document in _documents(content, path)
    )


def platform_images(platform: Platform) -> Mapping[str, str]:
    """Return the images that pods may have, by their name in the ConfigMap that policies read."""
    content = packaged_files("owned", platform)[_IMAGES]
    data = members(parse_yaml(content, _IMAGES).get("data"))
    return {name: str(image) for name, image in data.items()}


def _documents(content: bytes, path: str) -> list[dict[str, JsonValue]]:
    return [parse_yaml(each.encode(), path) for each in content.decode().split("\n---\n")]
