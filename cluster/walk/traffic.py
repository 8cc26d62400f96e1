"""A canary, a rollback under load, and one whose pod finds no place: counted in real answers."""

import math
import time

from cluster.control_plane import KubectlFailed
from cluster.node import NODE
from cluster.objects import apply
from cluster.walk.load import Answers, GatewayAddress, ask_many, load
from cluster.walk.record import WalkRecord, await_value
from cluster.walk.serving_pods import BODY
from cluster.walk.stages import (
    Scene,
    await_ready,
    namespace_of,
    route,
    service,
    service_name,
)

STAGE = "dev"
COUNTED, UNDER_LOAD = 2_000, 10_000
_SIGMAS = 5.0


def count_canary(scene: Scene, record: WalkRecord, stable: str, canary: str) -> None:
    """Send 10, 50 and 100 percent to a second release and count who answers."""
    apply(scene.stack.plane, [service(scene, stable, STAGE), service(scene, canary, STAGE)])
    for digest in (stable, canary):
        await_ready(scene, digest, STAGE)
    address = scene.address(STAGE)
    for percent in (10, 50, 100):
        weights = {stable: 100 - percent, canary: percent}
        apply(scene.stack.plane, [route(STAGE, weights)])
        await_split(address, canary, percent)
        answers = ask_many(address, BODY, COUNTED)
        claim = f"{percent} percent of 2,000 answers come from the canary"
        record.require(is_split(answers, canary, percent, COUNTED), claim, answers)


def is_split(answers: Answers, digest: str, percent: int, count: int) -> bool:
    """Whether nothing is lost, and the release has a share that chance explains."""
    expected = count * percent / 100
    spread = _SIGMAS * math.sqrt(expected * (100 - percent) / 100)
    seen = answers.by_release[digest]
    return sum(answers.by_release.values()) == count and abs(seen - expected) <= spread


def await_split(address: GatewayAddress, digest: str, percent: int) -> None:
    """Wait until Envoy has the new weights: a small sample looks as they ask for."""

    def sample() -> str:
        answers = ask_many(address, BODY, 100)
        return "reached" if is_split(answers, digest, percent, 100) else str(answers)

    await_value(sample, lambda value: value == "reached", 30, f"{percent} percent at the Gateway")


def roll_back_under_load(scene: Scene, record: WalkRecord, stable: str, canary: str) -> None:
    """Change the route back while 10,000 requests are on their way."""
    address = scene.address(STAGE)
    with load(address, BODY, UNDER_LOAD) as answers:
        _await_total(answers, UNDER_LOAD // 4)
        apply(scene.stack.plane, [route(STAGE, {stable: 100, canary: 0})])
    record.require(
        not answers.lost and answers.by_release[stable] > 0,
        "a rollback under load loses none of 10,000 requests",
        answers,
    )


def prune_under_load(scene: Scene, record: WalkRecord, stable: str, canary: str) -> None:
    """Remove the release that has no traffic while requests go on."""
    address = scene.address(STAGE)
    with load(address, BODY, UNDER_LOAD // 5) as answers:
        apply(scene.stack.plane, [route(STAGE, {stable: 100})])
        _delete(scene, canary)
    record.require(not answers.lost, "pruning the other release loses nothing", answers)


def roll_forward_without_room(scene: Scene, record: WalkRecord, old: str, new: str) -> None:
    """Bring a release back while no node takes its pod: nothing changes until one does."""
    address = scene.address(STAGE)
    scene.kubectl("cordon", NODE)
    try:
        apply(scene.stack.plane, [service(scene, new, STAGE)])
        with load(address, BODY, UNDER_LOAD) as answers:
            reason = await_value(
                lambda: _pod_reason(scene, new), lambda text: "Unschedulable" in text, 60, "Pending"
            )
            _await_total(answers, UNDER_LOAD // 2)
            is_unchanged = set(answers.by_release) == {old}
            scene.kubectl("uncordon", NODE)
            await_ready(scene, new, STAGE)
            apply(scene.stack.plane, [route(STAGE, {new: 100, old: 0})])
    finally:
        scene.kubectl("uncordon", NODE)
    record.require(is_unchanged, "without room the old release goes on", reason)
    record.require(not answers.lost, "and none of 10,000 requests is lost", answers)


def apply_twice(scene: Scene, record: WalkRecord, stable: str, canary: str) -> None:
    """Apply the same objects again and compare their versions."""
    objects = [
        service(scene, stable, STAGE),
        service(scene, canary, STAGE),
        route(STAGE, {stable: 90, canary: 10}),
    ]
    apply(scene.stack.plane, objects)
    for digest in (stable, canary):
        await_ready(scene, digest, STAGE)
    time.sleep(3)  # Controllers write the last conditions.
    before = _versions(scene)
    apply(scene.stack.plane, objects)
    after = _versions(scene)
    record.require(before == after, "a second server-side apply changes nothing", after)


def _versions(scene: Scene) -> str:
    shown = "jsonpath={range .items[*]}{.metadata.name} {.metadata.generation} {end}"
    kinds = "inferenceservices,httproutes,deployments"
    return scene.kubectl("-n", namespace_of(STAGE), "get", kinds, "-o", shown)


def _pod_reason(scene: Scene, digest: str) -> str:
    label = f"app=isvc.{service_name(digest)}-predictor"
    shown = "jsonpath={.items[*].status.conditions[?(@.type=='PodScheduled')]}"
    return scene.kubectl("-n", namespace_of(STAGE), "get", "pods", "-l", label, "-o", shown)


def _delete(scene: Scene, digest: str) -> None:
    name = service_name(digest)
    scene.kubectl("-n", namespace_of(STAGE), "delete", "inferenceservice", name)
    label = f"app=isvc.{name}-predictor"
    try:
        scene.kubectl(
            *("-n", namespace_of(STAGE), "wait", "--for=delete", "pod", "-l", label),
            "--timeout=90s",
        )
    except KubectlFailed as error:
        if "no matching resources" not in str(error):
            raise


def _await_total(answers: Answers, least: int) -> None:
    def total() -> str:
        return str(answers.total)

    await_value(total, lambda value: int(value) >= least, 120, "requests")
