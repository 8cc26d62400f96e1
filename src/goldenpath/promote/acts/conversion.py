"""Conversion: deployments in one service become a service for each release and one route."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from goldenpath.errors import InvalidInput
from goldenpath.parsers.yaml_parser import parse_yaml
from goldenpath.promote.manifests.deployment_files import SERVICE_FILE, changed_files, survey
from goldenpath.promote.manifests.desired import Deployment
from goldenpath.promote.manifests.inference_manifest import MODE, members
from goldenpath.promote.manifests.object_names import length_refusal
from goldenpath.promote.platform.platform import Platform

MESSAGE = """platform: a service for each release

The same releases with the same shares, in the form in which a rollback is one change of one route.
"""


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a commit changes to convert a repository."""

    files: Mapping[str, bytes | None]
    converted: tuple[str, ...]
    """Names of the deployments, `stage/model`."""
    left: Mapping[str, str]
    """Why other deployments keep their form, by name."""


def conversion(platform: Platform, files: Mapping[str, bytes]) -> Conversion:
    """Return the conversion of everything below `envs/`.

    Raises `InvalidInput` if nothing can be converted.
    """
    desired = survey(files, platform)
    changed: dict[str, bytes | None] = {}
    converted: list[str] = []
    left = dict(desired.problems)
    for each in desired.deployments:
        if each.form == "routed":
            continue
        folder = f"envs/{each.name}/"
        own = {path: content for path, content in files.items() if path.startswith(folder)}
        refused = _refusal(each, own[folder + SERVICE_FILE])
        if refused:
            left[each.name] = refused
            continue
        changed |= changed_files(replace(each, form="routed"), platform, own)
        converted.append(each.name)
    if not converted:
        reasons = "".join(f"; {name}: {reason}" for name, reason in sorted(left.items()))
        raise InvalidInput(f"no deployment can be converted{reasons}")
    return Conversion(changed, tuple(converted), left)


def _refusal(deployment: Deployment, content: bytes) -> str:
    """Return why a deployment keeps its form; empty if it can be converted."""
    annotations = members(members(parse_yaml(content, deployment.name), "metadata"), "annotations")
    if annotations.get(MODE) == "Knative":
        return "Knative mode has one service and no route"
    return length_refusal(deployment.model, [deployment.stage])
