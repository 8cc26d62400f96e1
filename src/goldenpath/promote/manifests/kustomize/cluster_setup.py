"""The files for a cluster that has nothing of ours: plain YAML of the package.

The owner of the platform reads and changes them; Argo CD applies them. A file that is there already
stays, so running it again after a new stage or a new version adds only what is missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from goldenpath.promote.manifests.kustomize.packaged_files import packaged_files
from goldenpath.promote.platform.platform import Platform

FOLDER = "cluster"
VALUES = f"{FOLDER}/values/values.yaml"
"""The file that the owner of the platform edits."""
_MONITORING = f"{FOLDER}/parts/monitoring"
_STAGES = f"{FOLDER}/stages/"
_RULES = """# The rules of `goldenpath telemetry rules`, for the Prometheus operator.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: goldenpath
spec:
"""


@dataclass(frozen=True, slots=True)
class ClusterScene:
    """What the files follow from."""

    platform: Platform
    generated: Mapping[str, bytes]
    """What follows from `platform.toml`, and that file itself."""
    trust: str
    """The first commit of the repository."""
    present: Mapping[str, bytes]
    """What the repository has below `cluster/`, `policies/` and `argocd/`, and `platform.toml`."""
    monitoring: Mapping[str, bytes]
    """Rules for Prometheus and dashboards for Grafana, by name."""


@dataclass(frozen=True, slots=True)
class ClusterSetup:
    """What a commit changes to set up a cluster."""

    files: Mapping[str, bytes]
    kept: tuple[str, ...]
    """Files that differ from those of this version, and stay as they are."""


def cluster_setup(scene: ClusterScene, *, renew: bool) -> ClusterSetup:
    """Return the files to write. With `renew` only the values stay as they are."""
    files = _owned(scene, scene.platform)
    before = _owned(scene, _as_present(scene))
    present = scene.present
    kept = {
        path: present[path]
        for path in files
        # Whoever has not changed a file gets the stages that came later.
        if path in present and present[path] not in (files[path], before.get(path))
    }
    if renew:
        kept = {path: content for path, content in kept.items() if path == VALUES}
    files |= {**scene.generated, **kept}
    changed = {path: each for path, each in files.items() if present.get(path) != each}
    return ClusterSetup(changed, tuple(sorted(set(kept) - {VALUES})))


def _owned(scene: ClusterScene, platform: Platform) -> dict[str, bytes]:
    """Return the files that belong to the owner of the platform."""
    own = packaged_files("owned", platform, trust=scene.trust)
    for name, content in scene.monitoring.items():
        if name.endswith(".json"):
            own[f"{_MONITORING}/dashboards/{name}"] = content
        elif not name.endswith("-test.yaml"):
            own[f"{_MONITORING}/rules.yaml"] = _prometheus_rule(content)
    return own


def _prometheus_rule(rules: bytes) -> bytes:
    """Return a file of rules as the object that the Prometheus operator reads."""
    lines = rules.decode().splitlines(keepends=True)
    return (_RULES + "".join(f"  {line}" if line.strip() else line for line in lines)).encode()


def _as_present(scene: ClusterScene) -> Platform:
    """Return the platform with the stages for which the repository has folders already."""
    stages = tuple(
        stage for stage in scene.platform.stages
        if f"{_STAGES}{stage.name}/kustomization.yaml" in scene.present
    )  # fmt: skip
    return replace(scene.platform, stages=stages)
