"""A platform whose policies an engine enforces, and the follower that signs what it admits."""

import re
import sys
from pathlib import Path

from cluster.control_plane import KubectlFailed
from cluster.controllers import kyverno
from cluster.objects import apply
from cluster.stack import Stack
from cluster.walk import following, serving_pods
from cluster.walk.bootstrap import bootstrap
from cluster.walk.record import WalkRecord, await_value
from cluster.walk.road import ENGINEER, MODEL, STAGES, acting, begin_road
from cluster.walk.stages import Scene, service
from cluster.walk.traffic import await_split

FOLLOWER = "reconcile"
STAGE = "prod"
_KEY = "keys/admission"
_EVERY = 5
_SECONDS = 120.0


def begin_platform(stack: Stack, folder: Path, cache: Path, record: WalkRecord) -> Scene:
    """Set up people, project, images and policies, with the engine on."""
    stack.daemons.end_one(kyverno.NAME)
    kyverno.start_kyverno(stack.daemons, stack.plane, stack.registry)
    serving_pods.share_caches(folder / "road" / ".goldenpath", cache)
    road = begin_road(folder / "road", stack.registry, stack.plane)
    road.run(f"key admit follower {_KEY} --make-key {acting(ENGINEER)}")
    scene = Scene(stack, road, serving_pods.build_images(road, record))
    _protect(scene)
    follow(scene)
    bootstrap(scene, record, ("platform-admission",))
    return scene


def follow(scene: Scene) -> None:
    """Start our reconcile: it judges what git declares, and signs what it admits."""
    road = scene.road
    private = road.folder / f"{_KEY}.pem"
    program = str(Path(sys.executable).parent / "goldenpath")
    command = [program, "reconcile", "--key", str(private), "--every", str(_EVERY)]
    scene.stack.daemons.start(FOLLOWER, command, lambda: True, dict(road.environment))


def _protect(scene: Scene) -> None:
    """Let the branch that Argo CD follows go forward along `main` alone, as docs/verified.md says.

    Nobody is told from the follower here: a repository of this machine knows no keys.
    """
    text = (Path("docs") / "verified.md").read_text("utf-8")
    (hook,) = re.findall(r"```sh\n(#!/bin/sh\n.*?)```", text, re.DOTALL)
    file = scene.road.gitops / "hooks" / "update"
    file.parent.mkdir(exist_ok=True)
    file.write_text(
        hook.replace("\n", '\n[ "$1" = refs/heads/verified ] && FOLLOWER=1\n', 1), "utf-8"
    )
    file.chmod(0o755)


def serve_admitted(scene: Scene, record: WalkRecord, release: str) -> None:
    """Promote a release through every stage: the engine lets it start once it is admitted."""
    for stage in STAGES:
        scene.road.enter(release, stage)
    _bring_admissions(scene, release)
    following.look_for_new_folders(scene)
    for stage in STAGES:
        following.await_synced(scene, stage)
        await_split(scene.address(stage), release, 100)
    record.note("Kyverno lets start what our reconcile admitted, in three stages", release[:19])


def _bring_admissions(scene: Scene, release: str) -> None:
    """Push the release again: the follower signs in the store, and the engine asks the registry."""
    road = scene.road
    await_value(
        lambda: road.head("verified"), lambda head: head == road.head(), _SECONDS, "verified moves"
    )
    road.run(f"push {release} {road.prefix}/{MODEL}:admitted")


def start_by_hand(scene: Scene, release: str, stage: str) -> str:
    """Try to start a release that nobody approved; return why it did not start, empty if it did."""
    try:
        apply(scene.stack.plane, [service(scene, release, stage)], "--request-timeout=10s")
    except KubectlFailed as error:
        return " ".join(str(error).split())
    return ""


def refuse_by_hand(scene: Scene, record: WalkRecord, release: str) -> None:
    """A release that the build signed and nobody approved is refused by the real engine."""
    reason = start_by_hand(scene, release, STAGE)
    claim = "a release that is signed and not approved is refused, applied by hand"
    record.require("admitted" in reason, claim, reason[-300:])
