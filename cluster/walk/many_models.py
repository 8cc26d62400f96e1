"""Many models in three stages: what Argo CD and KServe make of that many files of ours.

KServe makes one service after the other, so the default number is small.
"""

import time
from collections.abc import Mapping
from pathlib import Path

import yaml

from cluster.controllers import kwok
from cluster.node import NODE
from cluster.objects import apply
from cluster.walk.record import WalkFailed, WalkRecord, await_value
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


def follow_many(scene: Scene, record: WalkRecord, models: int) -> None:
    """Let Argo CD follow a second repository with the files of every model."""
    kwok.start_kwok(scene.stack.daemons, scene.stack.plane, scene.road.folder)
    scene.kubectl("cordon", NODE)
    try:
        repository = scene.road.folder / _SET
        files = _write(repository, parse_platform(scene.road.blob("platform.toml")), models)
        began, before = time.monotonic(), scene.stack.daemons.processor_seconds()
        _follow(scene, repository)
        count = models * len(STAGES)
        limit = _SECONDS + count * _SECONDS_A_SERVICE
        await_value(
            lambda: _states(scene),
            lambda states: states == f"{count} of {count}",
            limit,
            _SET,
            # To list them all is work that the API server has no time for.
            pause=5,
        )
        seconds = time.monotonic() - began
        after = scene.stack.daemons.processor_seconds()
    finally:
        scene.kubectl("uncordon", NODE)
    claim = f"{models} models in {len(STAGES)} stages are Synced and Healthy on simulated nodes"
    record.note(claim, f"{seconds:.0f} s for {files} files")
    record.note("processor time of one service", _shares(before, after, count))


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


def _states(scene: Scene) -> str:
    """Return how many Applications of the set are Synced and Healthy, of how many."""
    fields = " ".join(f"{{.{name}}}" for name in ("spec.project", *_STATUS))
    shown = f"jsonpath={{range .items[*]}}{fields}|{{end}}"
    states = scene.kubectl("-n", "argocd", "get", "applications", "-o", shown).split("|")
    own = [state for state in states if state.startswith(f"{_SET} ")]
    return f"{own.count(f'{_SET} Synced Healthy')} of {len(own)}"
