"""Argo CD follows the signed commits of goldenpath: nothing here is applied by hand."""

import json
import math
import time

from cluster.control_plane import KubectlFailed
from cluster.node import NODE
from cluster.walk.load import ask_many, load
from cluster.walk.record import WalkRecord, await_value
from cluster.walk.road import ENGINEER, MODEL, STAGES, acting
from cluster.walk.serving_pods import BODY
from cluster.walk.stages import (
    Scene,
    application_of,
    application_state,
    namespace_of,
    refresh,
    service_name,
)
from cluster.walk.traffic import COUNTED, UNDER_LOAD, await_split, is_split

STAGE = "prod"
_SYNC_SECONDS = 240.0
_REFRESH_SECONDS = 6.0


def begin_following(scene: Scene, record: WalkRecord, digest: str) -> None:
    """Promote a release through every stage, and let Argo CD serve it."""
    for stage in STAGES:
        _clear(scene, stage)
    for stage in STAGES:
        scene.road.enter(digest, stage)
    began = time.monotonic()
    look_for_new_folders(scene)
    for stage in STAGES:
        await_synced(scene, stage)
        await_split(scene.address(stage), digest, 100)
    claim = "three stages serve the promoted release, each Synced and Healthy"
    record.note(claim, f"{time.monotonic() - began:.0f} s after the last commit")


def _clear(scene: Scene, stage: str) -> None:
    """Remove what was applied by hand, so that Argo CD begins with an empty stage."""
    kinds = "inferenceservices,httproutes"
    place = ("-n", namespace_of(stage), "delete", kinds, "--all", "--ignore-not-found")
    scene.kubectl(*place)


def walk_canary(scene: Scene, record: WalkRecord, canary: str) -> None:
    """Walk a canary by commits, and count the answers at each step."""
    for stage in ("dev", "test"):
        scene.road.enter(canary, stage)
    scene.road.enter(canary, STAGE, "--canary 10,50,100")
    address = scene.address(STAGE)
    for percent in (10, 50, 100):
        if percent > 10:
            scene.road.run(f"rollout {MODEL} --stage {STAGE} {acting(ENGINEER)}")
        seconds = await_synced(scene, STAGE)
        await_split(address, canary, percent)
        record.note(f"Argo CD is Synced with the canary at {percent} percent", f"{seconds:.0f} s")
        answers = ask_many(address, BODY, COUNTED)
        claim = f"{percent} percent of 2,000 answers come from the canary"
        record.require(is_split(answers, canary, percent, COUNTED), claim, answers)
        if percent == 10:
            _undo_by_hand(scene, record, canary)


def _undo_by_hand(scene: Scene, record: WalkRecord, canary: str) -> None:
    """Give the canary all traffic by hand, and wait until Argo CD takes it back."""
    before = _weights(scene)
    path = "/spec/rules/0/backendRefs/1/weight"
    patch = json.dumps([{"op": "replace", "path": path, "value": 100}])
    place = ("-n", namespace_of(STAGE))
    scene.kubectl(*place, "patch", "httproute", f"{MODEL}-route", "--type=json", "-p", patch)
    began = time.monotonic()
    seen = await_value(
        lambda: _weights(scene), lambda value: value == before, 60, "the weights of git"
    )
    claim = f"a change of the route by hand is undone, weights {seen}"
    record.note(claim, f"{time.monotonic() - began:.0f} s")


def roll_back(scene: Scene, record: WalkRecord, stable: str) -> None:
    """Roll back by one commit while 10,000 requests are on their way."""
    address = scene.address(STAGE)
    with load(address, BODY, UNDER_LOAD) as answers:
        scene.road.run(
            f"rollback {MODEL} --stage {STAGE} --reason 'the walk goes back' {acting(ENGINEER)}"
        )
        began = time.monotonic()
        await_synced(scene, STAGE)
        await_split(address, stable, 100)
        seconds = time.monotonic() - began
    record.require(not answers.lost, "a rollback by a commit loses none of 10,000", answers)
    record.note(
        "from the commit until every answer comes from the release before", f"{seconds:.0f} s"
    )


def enter_without_room(scene: Scene, record: WalkRecord, old: str, new: str) -> None:
    """Promote a third release while no node takes its pod, then give it room, under load."""
    address = scene.address(STAGE)
    for stage in ("dev", "test"):
        scene.road.enter(new, stage)
    scene.kubectl("cordon", NODE)
    try:
        with load(address, BODY, UNDER_LOAD) as answers:
            scene.road.enter(new, STAGE)
            refresh(scene, application_of(STAGE))
            place = ("-n", namespace_of(STAGE), "get", "pods", "-l")
            label = f"app=isvc.{service_name(new)}-predictor"
            shown = "jsonpath={.items[*].status.conditions[?(@.type=='PodScheduled')].reason}"
            reason = await_value(
                lambda: scene.kubectl(*place, label, "-o", shown), bool, _SYNC_SECONDS, "Pending"
            )
            time.sleep(5)
            is_unchanged = set(answers.by_release) == {old}
            status = scene.road.run("status --target kubernetes", expect=7)
            shown = application_state(scene, application_of(STAGE))
            scene.kubectl("uncordon", NODE)
            await_split(address, new, 100)
            await_synced(scene, STAGE)
    finally:
        scene.kubectl("uncordon", NODE)
    claim = "without room for the new pod the release before goes on"
    record.require(is_unchanged, claim, f"{reason}; Argo CD: {shown}")
    record.require(not answers.lost, "and none of 10,000 requests is lost", answers)
    told = next((line.strip() for line in status.splitlines() if "no node takes" in line), "")
    record.require(bool(told), "`status` says why", told or status)


def prune(scene: Scene, record: WalkRecord, gone: str) -> None:
    """Look for a release that git no longer has."""
    place = ("-n", namespace_of(STAGE), "get", "inferenceservices,pods", "-o", "name")

    def names() -> str:
        return scene.kubectl(*place)

    seen = await_value(names, lambda text: service_name(gone) not in text, 120, "pruned")
    record.note("what git no longer has is pruned", " ".join(seen.split()))


def sync_again(scene: Scene, record: WalkRecord) -> None:
    """Let Argo CD look again: no object gets another version."""
    before = _versions(scene)
    refresh(scene, application_of(STAGE))
    await_synced(scene, STAGE)
    after = _versions(scene)
    record.require(before == after, "a second sync changes nothing", after)


def hold(scene: Scene, record: WalkRecord, digest: str) -> None:
    """Hold the stage: a promotion is refused, and nothing in the cluster changes."""
    for stage in ("dev", "test"):
        scene.road.enter(digest, stage)
    before = _versions(scene)
    person = acting(ENGINEER)
    scene.road.run(f"hold {MODEL} --stage {STAGE} --reason 'the walk holds' {person}")
    scene.road.run(f"promote {digest} --stage {STAGE} {person}", expect=6)
    refresh(scene, application_of(STAGE))
    await_synced(scene, STAGE)
    record.require(before == _versions(scene), "a held stage refuses a promotion", "exit code 6")


def look_for_new_folders(scene: Scene) -> None:
    """Let the ApplicationSet look at git now; by itself it looks every three minutes."""
    scene.kubectl(
        *("-n", "argocd", "annotate", "applicationset", "models", "--overwrite"),
        "argocd.argoproj.io/application-set-refresh=true",
    )


def await_synced(scene: Scene, stage: str) -> float:
    """Wait until the newest commit is Synced and Healthy, and return how long it took."""
    began = time.monotonic()
    head = scene.road.head()
    asked = -math.inf

    def state() -> str:
        nonlocal asked
        try:
            if time.monotonic() - asked > _REFRESH_SECONDS:
                asked = time.monotonic()
                refresh(scene, application_of(stage))
            return application_state(scene, application_of(stage))
        except KubectlFailed as error:
            return str(error)

    expected = f"Synced Healthy {head}"
    await_value(state, lambda text: text.startswith(expected), _SYNC_SECONDS, f"{stage} is Synced")
    return time.monotonic() - began


def _weights(scene: Scene) -> str:
    shown = "jsonpath={.spec.rules[0].backendRefs[*].weight}"
    place = ("-n", namespace_of(STAGE), "get", "httproute", f"{MODEL}-route")
    return scene.kubectl(*place, "-o", shown)


def _versions(scene: Scene) -> str:
    shown = "jsonpath={range .items[*]}{.metadata.name} {.metadata.generation} {end}"
    kinds = "inferenceservices,httproutes,deployments"
    return scene.kubectl("-n", namespace_of(STAGE), "get", kinds, "-o", shown)
