"""The files of the platform, as `platform init` commits them, brought into an empty cluster."""

import json
import re
import time
from collections.abc import Mapping

import yaml

from cluster.walk.record import WalkFailed, WalkRecord, await_value
from cluster.walk.road import ENGINEER, STAGES, ClusterRoad, acting
from cluster.walk.stages import Scene, application_state, namespace_of
from goldenpath.processes.tool import run_tool

_SECONDS = 180.0
_VALUES = "cluster/values/values.yaml"
_STAGE = "cluster/stage/kustomization.yaml"
OVERLAY = "cluster/overlays/standard/kustomization.yaml"
# The other parts need Kyverno, External Secrets or the Prometheus operator, which are not here.
_APPLIED = ("platform", "platform-argocd", "platform-builtin-admission")
_KINDS = "servingruntime,resourcequota,limitrange,networkpolicy,poddisruptionbudget,cronjob,role"


def bootstrap(scene: Scene, record: WalkRecord, more: tuple[str, ...] = ()) -> None:
    """Commit the files, show Argo CD the repository by hand, and wait until they are applied.

    `more` are parts for which this cluster has the definitions as well.
    """
    road = scene.road
    road.run(f"platform init --target kubernetes {acting(ENGINEER)}")
    own_file(scene, _VALUES, _with_values(road.blob(_VALUES).decode(), _values(scene)))
    own_file(scene, _STAGE, road.blob(_STAGE).decode() + _stage(scene))
    own_file(scene, OVERLAY, road.blob(OVERLAY).decode() + _overlay(scene))
    clone = road.folder / "clone"
    run = run_tool(["git", "clone", "--quiet", str(road.gitops), str(clone)])
    if run.exit_code:
        raise WalkFailed(f"git clone: {run.complaint}")
    scene.kubectl("apply", "--server-side", "-k", str(clone / "argocd"))
    began = time.monotonic()
    applied = (*_APPLIED, *more)
    for name in applied:
        _await_synced(scene, name)
    claim = "Argo CD applied what `platform init` committed, after one command by hand"
    record.note(claim, f"{', '.join(applied)} after {time.monotonic() - began:.0f} s")
    for stage in STAGES:
        made = scene.kubectl("-n", namespace_of(stage), "get", _KINDS, "-o", "name").split()
        kinds = {name.partition("/")[0].partition(".")[0] for name in made}
        missing = sorted({*_KINDS.split(",")} - kinds)
        claim = f"{namespace_of(stage)} has runtime, quota, limits, network policies, rights, judge"
        record.require(not missing, claim, f"{len(made)} objects, missing: {missing}")


def _await_synced(scene: Scene, name: str) -> None:
    await_value(
        lambda: application_state(scene, name),
        lambda state: state.startswith("Synced"),
        _SECONDS,
        f"{name} is Synced",
    )


def own_file(scene: Scene, path: str, text: str) -> None:
    """Change a file as the owner of the platform does; after set-up a second person confirms it."""
    file = scene.road.folder / "own.yaml"
    file.write_text(text, "utf-8")
    commit_change(
        scene.road, f"platform write {path} {file} --reason 'this cluster' {acting(ENGINEER)}"
    )


def commit_change(road: ClusterRoad, line: str) -> None:
    """Run a verb that changes what the platform trusts; a second person confirms what it asks."""
    if proposal := road.ask(line)["proposal"]:
        road.run(f"confirm {proposal} {acting('risk-manager')}")


def _values(scene: Scene) -> Mapping[str, str]:
    return {
        "serverImage": scene.images.server,
        "initializerImage": scene.images.initializer,
        "jobsImage": scene.images.jobs,
        "prometheus": scene.stack.prometheus.address,
        "predictions": scene.stack.object_store.url,
        "gitops": scene.stack.git_server.address(scene.road.gitops),
        "gatewayClass": "contour",
        "authoritiesFile": "/etc/authorities/ca.crt",
        # As many as the step with many models may ask for.
        "pods": "2000",
    }


def _with_values(text: str, values: Mapping[str, str]) -> str:
    for key, value in values.items():
        text, count = re.subn(rf"(?m)^  {key}: .*$", f"  {key}: {json.dumps(value)}", text)
        if count != 1:
            raise WalkFailed(f"{_VALUES} has {count} lines for {key}, expected one")
    return text


def _stage(scene: Scene) -> str:
    """Return what this cluster adds to each stage: its registry's authority, and small pods."""
    authority = scene.stack.registry.authority.read_text("utf-8")
    requests = [
        {"op": "replace", "path": "/spec/containers/0/resources/requests/cpu", "value": "10m"}
    ]
    return yaml.safe_dump(
        {
            "configMapGenerator": [
                {"name": "goldenpath-authorities", "literals": [f"ca.crt={authority}"]}
            ],
            "generatorOptions": {"disableNameSuffixHash": True},
            "patches": [
                {"target": {"kind": "ServingRuntime"}, "patch": yaml.safe_dump(requests)},
            ],
        }
    )


def _overlay(scene: Scene) -> str:
    """Return what this cluster has otherwise: the port of its Gateway, and no collector."""
    port = [
        {"op": "replace", "path": "/spec/listeners/0/port", "value": scene.stack.gateway.listener}
    ]
    none = [{"op": "replace", "path": "/spec/replicas", "value": 0}]
    return yaml.safe_dump(
        {
            "patches": [
                {"target": {"kind": "Gateway"}, "patch": yaml.safe_dump(port)},
                {"target": {"kind": "Deployment"}, "patch": yaml.safe_dump(none)},
            ]
        }
    )
