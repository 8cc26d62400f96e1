"""Many models in three stages: what Argo CD and KServe make of that many files of ours."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from cluster import service_network
from cluster.controllers import kwok
from cluster.node import NODE
from cluster.objects import apply
from cluster.walk.record import WalkFailed, WalkRecord
from cluster.walk.road import STAGES
from cluster.walk.stages import Scene
from goldenpath.digest import Digest
from goldenpath.files import write_whole
from goldenpath.processes.tool import run_tool
from goldenpath.promote.manifests.deployment_files import render_deployment
from goldenpath.promote.manifests.desired import Deployment, Slot, slot_name
from goldenpath.promote.platform.platform import Platform, parse_platform

_SECONDS_A_SERVICE = 12.0
_SECONDS = 120.0
_SET = "many"
_STATUS = ("status.sync.status", "status.health.status")
_PAUSE = 5
"""Seconds between two looks: to list them all is work that the API server has no time for."""


@dataclass(frozen=True, slots=True)
class ManySynced:
    """How far Argo CD and KServe came with many services."""

    services: int
    synced: int
    """How many of them are Synced and Healthy."""
    files: int
    seconds: float
    processor: str
    """The processor time of one service that is Synced, by program."""


def follow_many(scene: Scene, record: WalkRecord, models: int) -> None:
    """Let Argo CD follow a second repository with the files of every model."""
    limit = _SECONDS + models * len(STAGES) * _SECONDS_A_SERVICE
    made = sync_many(scene, models, limit, lambda line: None)
    claim = f"{models} models in {len(STAGES)} stages are Synced and Healthy on simulated nodes"
    seen = f"{made.seconds:.0f} s for {made.files} files"
    record.require(made.synced == made.services, claim, f"{made.synced} of {made.services}, {seen}")
    record.note("processor time of one service", made.processor)


def sync_many(scene: Scene, models: int, limit: float, report: Callable[[str], None]) -> ManySynced:
    """Let Argo CD follow the files of many models for at most `limit` seconds."""
    kwok.start_kwok(scene.stack.daemons, scene.stack.plane, scene.road.folder)
    # Simulated pods ask nobody.
    scene.stack.daemons.end_one(service_network.PROXY)
    scene.kubectl("cordon", NODE)
    try:
        repository = scene.road.folder / _SET
        files = _write(repository, parse_platform(scene.road.blob("platform.toml")), models)
        began, before = time.monotonic(), scene.stack.daemons.processor_seconds()
        _follow(scene, repository)
        count, synced, seconds = models * len(STAGES), 0, 0.0
        while synced < count and seconds < limit:
            time.sleep(_PAUSE)
            synced, seconds = _synced(scene), time.monotonic() - began
            report(f"{synced} of {count} after {seconds:.0f} s")
        after = scene.stack.daemons.processor_seconds()
    finally:
        scene.kubectl("uncordon", NODE)
    return ManySynced(count, synced, files, seconds, _shares(before, after, max(synced, 1)))


def _shares(before: Mapping[str, float], after: Mapping[str, float], count: int) -> str:
    """Return the seconds of a processor that each program took for one service, the most first."""
    spent = {name: (after[name] - before.get(name, 0.0)) / count for name in after}
    listed = sorted(spent.items(), key=lambda item: -item[1])
    parts = (f"{name} {seconds:.2f}" for name, seconds in listed if seconds >= 0.005)
    return f"{sum(spent.values()):.2f} s: {', '.join(parts)}"


def _write(repository: Path, platform: Platform, models: int) -> int:
    """Commit the files of all models and return how many they are."""
    files: dict[str, bytes] = {}
    for number in range(models):
        digest = Digest.of(f"model {number}".encode())
        for stage in STAGES:
            slots = (Slot(slot_name(digest), digest, 100),)
            deployment = Deployment(stage, f"model-{number}", slots)
            files |= render_deployment(deployment, platform)
    for path, content in files.items():
        file = repository / path
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, content)
    author = ("-c", "user.name=walk", "-c", "user.email=walk@example.invalid")
    for command in (
        ("init", "--quiet", "--initial-branch=main"),
        ("add", "."),
        (*author, "commit", "--quiet", "--message=many models"),
    ):
        run = run_tool(["git", "-C", str(repository), *command])
        if run.exit_code:
            raise WalkFailed(f"git {command[0]}: {run.complaint}")
    return len(files)


def _follow(scene: Scene, repository: Path) -> None:
    """Apply the project and the ApplicationSet of the platform again, for the other repository."""
    for name in ("project", "applicationset"):
        (item,) = yaml.safe_load_all(scene.road.blob(f"argocd/{name}.yaml"))
        text = yaml.safe_dump(item).replace(f"file://{scene.road.gitops}", f"file://{repository}")
        other = yaml.safe_load(text)
        other["metadata"]["name"] = _SET
        if "template" in other["spec"]:
            other["spec"]["template"]["spec"]["project"] = _SET
        apply(scene.stack.plane, [other])


def _synced(scene: Scene) -> int:
    """Return how many Applications of the set are Synced and Healthy."""
    fields = " ".join(f"{{.{name}}}" for name in ("spec.project", *_STATUS))
    shown = f"jsonpath={{range .items[*]}}{fields}|{{end}}"
    states = scene.kubectl("-n", "argocd", "get", "applications", "-o", shown).split("|")
    return states.count(f"{_SET} Synced Healthy")
