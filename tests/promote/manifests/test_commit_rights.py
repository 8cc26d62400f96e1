"""What one commit may change in a deployment, as pure rules over both files."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import yaml

from goldenpath.digest import Digest
from goldenpath.parsers.yaml_parser import render_yaml
from goldenpath.promote.manifests.commit_rights import FileStep, lone_refusal, machine_refusal
from goldenpath.promote.manifests.deployment_files import render_deployment, service_path
from goldenpath.promote.manifests.desired import Deployment, Placement, Rollout, Slot, slot_name
from goldenpath.promote.manifests.placement import render_placement
from goldenpath.promote.manifests.restrictions import Files
from tests.promote.example import ONE, TWO, platform

THREE = Digest.of(b"three")
PLATFORM = platform()
DEV, PROD = PLATFORM.stages[0], PLATFORM.stages[-1]
PLAN = Rollout((10, 50, 100))
CANARY = Placement(
    TWO, ONE, "https://git.example/x", "a" * 40, PLAN, (Digest.of(b"a"),), Digest.of(b"d")
)
BACK = replace(
    CANARY, digest=ONE, previous=None, repository="", commit="", approvals=(), decision=None,
    rolled_back=TWO,
)  # fmt: skip
Shares = tuple[tuple[Digest, int], ...]
BOTH: Shares = ((ONE, 90), (TWO, 10))


def service(shares: Shares, stage: str = "prod", current: bytes | None = None) -> bytes:
    slots = tuple(Slot(slot_name(digest), digest, share) for digest, share in shares)
    path = service_path(stage, "m")
    return render_deployment(Deployment(stage, "m", slots), PLATFORM, current)[path]


def step(
    shares: Shares,
    placed: Placement | bytes | None,
    *,
    before: Shares = BOTH,
    was: Placement = CANARY,
) -> FileStep:
    old = service(before)
    release = render_placement(placed) if isinstance(placed, Placement) else placed
    return FileStep(
        Files(old, render_placement(was)),
        Files(service(shares, current=old), release),
        PROD,
        "m",
        PLATFORM,
    )


@pytest.mark.parametrize(
    ("shares", "placed"),
    [
        (((ONE, 50), (TWO, 50)), CANARY),
        (((TWO, 100),), CANARY),
        (((ONE, 100),), BACK),
        (BOTH, replace(CANARY, judged=("too few",))),
        (BOTH, CANARY),
    ],
    ids=["a step", "the last step", "back", "a note", "nothing"],
)
def test_the_machine_follows_the_plan(shares: Shares, placed: Placement) -> None:
    assert machine_refusal(step(shares, placed)) == ""
    assert lone_refusal(step(shares, placed)) == ""


def test_the_machine_goes_back_to_the_release_before() -> None:
    was, back = replace(CANARY, judged=()), replace(BACK, rolled_back=TWO)

    assert machine_refusal(step(((ONE, 100),), back, before=((TWO, 100),), was=was)) == ""


@pytest.mark.parametrize(
    ("shares", "placed", "what"),
    [
        (((ONE, 70), (TWO, 30)), CANARY, "later step of its plan"),
        (((ONE, 95), (TWO, 5)), CANARY, "later step of its plan"),
        (((ONE, 10), (TWO, 90)), CANARY, "later step of its plan"),
        (((TWO, 90), (ONE, 10)), CANARY, "later step of its plan"),
        (((THREE, 100),), CANARY, "brings"),
        (((ONE, 90), (THREE, 10)), CANARY, "brings"),
        (BOTH, replace(CANARY, previous=THREE), "brings"),
        (BOTH, replace(CANARY, digest=THREE), "brings"),
        (BOTH, replace(CANARY, commit="f" * 40), "later step of its plan"),
        (BOTH, replace(CANARY, repository="x"), "later step of its plan"),
        (BOTH, replace(CANARY, approvals=()), "later step of its plan"),
        (BOTH, replace(CANARY, decision=None), "later step of its plan"),
        (BOTH, replace(CANARY, decision=Digest.of(b"x")), "later step of its plan"),
        (BOTH, replace(CANARY, rolled_back=ONE), "later step of its plan"),
        (BOTH, replace(CANARY, hold="x: y"), "later step of its plan"),
        (BOTH, replace(CANARY, judged=("a", "b")), "later step of its plan"),
        (BOTH, replace(CANARY, rollout=Rollout((10, 100))), "is judged"),
        (BOTH, replace(CANARY, rollout=replace(PLAN, judge="auto")), "is judged"),
        (((ONE, 50), (TWO, 50)), replace(CANARY, commit="f" * 40), "later step of its plan"),
        (((ONE, 100),), CANARY, "later step of its plan"),
        (((ONE, 100),), replace(BACK, previous=TWO), "later step of its plan"),
        (BOTH, None, "removes a file"),
        (BOTH, b"version: [", "unreadable"),
    ],
)
def test_the_machine_writes_no_other_share_and_no_other_record(
    shares: Shares, placed: Placement | bytes | None, what: str
) -> None:
    assert what in machine_refusal(step(shares, placed))


def test_the_machine_does_not_end_a_hold() -> None:
    held = replace(CANARY, hold="validator: because")

    assert "ends the hold" in machine_refusal(step(BOTH, CANARY, was=held))


def test_the_machine_brings_no_deployment_that_was_not_there() -> None:
    new = step(BOTH, CANARY)

    refused = machine_refusal(replace(new, before=Files(None, None)))

    assert "was not there" in refused


def edited(edit: Callable[[dict[str, dict[str, object]]], object], stage: str = "prod") -> FileStep:
    old = service(BOTH, stage)
    value = yaml.safe_load(old)
    edit(value)
    release = render_placement(CANARY)
    place = PLATFORM.stage(stage)
    assert place is not None
    return FileStep(Files(old, release), Files(render_yaml(value), release), place, "m", PLATFORM)


def at(*path: str | int) -> Callable[[object], Callable[[dict[str, dict[str, object]]], object]]:
    def to(value: object) -> Callable[[dict[str, dict[str, object]]], object]:
        def edit(document: object) -> None:
            inner: object = document
            for key in path[:-1]:
                inner = inner[key]  # type: ignore[index]
            inner[path[-1]] = value  # type: ignore[index]

        return edit

    return to


STABLE = ("spec", "predictor")
OTHER = ("spec", "canary", 0, "predictor")
SETTINGS = {
    "replicas": at(*STABLE, "minReplicas")(1000),
    "no replicas": at(*STABLE, "minReplicas")(0),
    "replicas of the canary": at(*OTHER, "minReplicas")(0),
    "most replicas": at(*STABLE, "maxReplicas")(9),
    "environment": at(*STABLE, "model", "env")([{"name": "OMP_NUM_THREADS", "value": "1"}]),
    "environment of the canary": at(*OTHER, "model", "env")([{"name": "A", "value": "1"}]),
    "memory": at(*STABLE, "model", "resources")({"limits": {"memory": "1"}}),
    "a label": at("metadata", "labels")({"team": "mine"}),
    "an annotation": at("metadata", "annotations", "bank.example/owner")("me"),
    "stop": at("metadata", "annotations", "serving.kserve.io/stop")("true"),
    "the mode": at("metadata", "annotations", "serving.kserve.io/autoscalerClass")("hpa"),
    "the account": at(*STABLE, "serviceAccountName")("admin"),
    "a timeout": at(*STABLE, "timeout")(1),
}


@pytest.mark.parametrize("edit", SETTINGS.values(), ids=SETTINGS)
def test_no_setting_of_production_changes_by_one_holder(
    edit: Callable[[dict[str, dict[str, object]]], object],
) -> None:
    assert "changes" in machine_refusal(edited(edit))
    assert "changes" in lone_refusal(edited(edit))


@pytest.mark.parametrize("setting", ["replicas", "memory", "a label", "stop", "environment"])
def test_one_person_sets_up_a_stage_without_approvals_and_the_machine_does_not(
    setting: str,
) -> None:
    step_in_dev = edited(SETTINGS[setting], "dev")

    assert lone_refusal(step_in_dev) == ""
    assert "changes" in machine_refusal(step_in_dev)


@pytest.mark.parametrize(
    "edit",
    [
        at(*STABLE, "serviceAccountName")("admin"),
        at(*OTHER, "imagePullSecrets")([{"name": "x"}]),
        at(*STABLE, "model", "securityContext")({"privileged": True}),
        at(*STABLE, "model", "modelFormat")({"name": "other"}),
        at(*STABLE, "containers")([]),
        at("spec", "transformer")({}),
    ],
)
def test_rights_need_two_people_in_every_stage(
    edit: Callable[[dict[str, dict[str, object]]], object],
) -> None:
    assert "changes" in lone_refusal(edited(edit, "dev"))


def test_one_person_removes_nothing_of_production_and_makes_nothing_unreadable() -> None:
    here = step(BOTH, CANARY)
    release = here.before.release

    assert "removes" in lone_refusal(replace(here, after=Files(None, None)))
    assert "removes" in lone_refusal(replace(here, after=Files(here.before.service, None)))
    assert "unreadable" in lone_refusal(replace(here, after=Files(b"kind: [", release)))
    assert "unreadable" in lone_refusal(replace(here, after=Files(here.before.service, b"a: [")))


@pytest.mark.parametrize(
    "placed",
    [
        replace(CANARY, commit="f" * 40),
        replace(CANARY, approvals=()),
        replace(CANARY, decision=Digest.of(b"x")),
        replace(CANARY, rollout=Rollout((100,))),
        replace(CANARY, previous=THREE),
        replace(CANARY, approvals=(*CANARY.approvals, THREE)),
    ],
)
def test_one_person_does_not_rewrite_the_record_of_what_runs(placed: Placement) -> None:
    assert "rewrites the record" in lone_refusal(step(BOTH, placed))


def test_one_person_holds_promotes_and_moves_traffic() -> None:
    stable = ((ONE, 100),)
    before = replace(CANARY, digest=ONE, previous=None)

    assert lone_refusal(step(BOTH, replace(CANARY, hold="x: y"))) == ""
    assert lone_refusal(step(BOTH, CANARY, before=stable, was=before)) == ""
    assert lone_refusal(step(((TWO, 100),), CANARY, before=stable, was=before)) == ""
    assert lone_refusal(step(((ONE, 1), (TWO, 99)), CANARY)) == ""
