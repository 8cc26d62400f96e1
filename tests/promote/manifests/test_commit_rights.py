"""What one commit may change in a deployment, as pure rules over both files."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
import yaml

from goldenpath.digest import Digest
from goldenpath.parsers.yaml_parser import render_yaml
from goldenpath.promote.manifests.commit_rights import FileStep, lone_refusal, machine_refusal
from goldenpath.promote.manifests.deployment_files import render_deployment, service_path
from goldenpath.promote.manifests.desired import (
    Deployment,
    FileForm,
    Placement,
    Rollout,
    Slot,
    slot_name,
)
from goldenpath.promote.manifests.object_names import service_name
from goldenpath.promote.manifests.placement import render_placement
from goldenpath.promote.manifests.restrictions import Files
from goldenpath.promote.manifests.routed_services import MODEL_LABEL
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


FORMS: tuple[FileForm, ...] = ("routed", "single")


def deployment(shares: Shares, stage: str = "prod", form: FileForm = "routed") -> Deployment:
    slots = tuple(Slot(slot_name(digest), digest, share) for digest, share in shares)
    return Deployment(stage, "m", slots, form=form)


def written(wanted: Deployment, current: Files | None = None) -> Mapping[str, bytes]:
    return render_deployment(wanted, PLATFORM, None if current is None else current.applied)


def step(
    shares: Shares,
    placed: Placement | bytes | None,
    *,
    before: Shares = BOTH,
    was: Placement = CANARY,
    form: FileForm = "routed",
) -> FileStep:
    start = deployment(before, form=form)
    old = Files(written(start), render_placement(was))
    release = render_placement(placed) if isinstance(placed, Placement) else placed
    wanted = start.moved_to(deployment(shares).slots)
    return FileStep(old, Files(written(wanted, old), release), PROD, "m", PLATFORM)


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
@pytest.mark.parametrize("form", FORMS)
def test_the_machine_follows_the_plan(shares: Shares, placed: Placement, form: FileForm) -> None:
    assert machine_refusal(step(shares, placed, form=form)) == ""
    assert lone_refusal(step(shares, placed, form=form)) == ""


@pytest.mark.parametrize("form", FORMS)
def test_the_machine_goes_back_to_the_release_before(form: FileForm) -> None:
    was, back = replace(CANARY, judged=()), replace(BACK, rolled_back=TWO)

    went = step(((ONE, 100),), back, before=((TWO, 100),), was=was, form=form)

    assert machine_refusal(went) == ""


def test_a_rollback_to_the_release_on_standby_changes_one_route() -> None:
    whole = deployment(BOTH).moved_to(deployment(((TWO, 100),)).slots)
    was = replace(CANARY, judged=())
    old = Files(written(whole), render_placement(was))
    back = whole.moved_to(deployment(((ONE, 100),)).slots)
    new = Files(written(back, old), render_placement(BACK))

    changed = [path for path in new.applied if new.applied[path] != old.applied.get(path)]

    assert old.applied.keys() == new.applied.keys()
    assert changed == ["envs/prod/m/route.yaml"]
    assert machine_refusal(FileStep(old, new, PROD, "m", PLATFORM)) == ""
    assert lone_refusal(FileStep(old, new, PROD, "m", PLATFORM)) == ""


def test_neither_a_machine_nor_one_person_chooses_the_release_on_standby() -> None:
    whole = deployment(BOTH).moved_to(deployment(((TWO, 100),)).slots)
    old = Files(written(whole), render_placement(CANARY))
    for digest in (THREE, None):
        slot = None if digest is None else Slot(slot_name(digest), digest, 0)
        new = Files(written(replace(whole, standby=slot), old), render_placement(CANARY))
        here = FileStep(old, new, PROD, "m", PLATFORM)

        assert machine_refusal(here)
        assert "changes" in lone_refusal(here)


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
        (BOTH, replace(CANARY, judged=("x" * 41,)), "later step of its plan"),
        (BOTH, replace(CANARY, judged=("\x1b[2Jall is well",)), "later step of its plan"),
        (BOTH, replace(CANARY, judged=("approved by validator:",)), "later step of its plan"),
        (BOTH, replace(CANARY, judged=("two\nlines",)), "later step of its plan"),
        (BOTH, replace(CANARY, judged=("",)), "later step of its plan"),
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

    refused = machine_refusal(replace(new, before=Files({}, None)))

    assert "was not there" in refused


def edited(edit: Callable[[dict[str, dict[str, object]]], object], stage: str = "prod") -> FileStep:
    """Return a commit that edits one service with both releases."""
    return of_file(service_path(stage, "m"), edit, stage, "single")


def routed(
    edit: Callable[[dict[str, dict[str, object]]], object], stage: str = "prod", release: int = 0
) -> FileStep:
    """Return a commit that edits the service of one release beside a route."""
    path = f"envs/{stage}/m/{service_name('m', BOTH[release][0])}.yaml"
    return of_file(path, edit, stage, "routed")


def of_file(
    path: str,
    edit: Callable[[dict[str, dict[str, object]]], object],
    stage: str,
    form: FileForm,
) -> FileStep:
    old, record = written(deployment(BOTH, stage, form)), render_placement(CANARY)
    value = yaml.safe_load(old[path])
    edit(value)
    place = PLATFORM.stage(stage)
    assert place is not None
    new = {**old, path: render_yaml(value)}
    return FileStep(Files(old, record), Files(new, record), place, "m", PLATFORM)


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


OF_ONE_SERVICE = {name: edit for name, edit in SETTINGS.items() if "canary" not in name}


@pytest.mark.parametrize("release", [0, 1], ids=["stable", "canary"])
@pytest.mark.parametrize("edit", OF_ONE_SERVICE.values(), ids=OF_ONE_SERVICE)
def test_no_setting_of_a_release_in_production_changes_by_one_holder(
    edit: Callable[[dict[str, dict[str, object]]], object], release: int
) -> None:
    for refusal in (machine_refusal, lone_refusal):
        refused = refusal(routed(edit, release=release))
        assert "changes" in refused or "unreadable" in refused


@pytest.mark.parametrize("setting", ["replicas", "memory", "the mode", "stop", "environment"])
def test_one_person_sets_up_a_stage_without_approvals_and_the_machine_does_not(
    setting: str,
) -> None:
    steps = [edited(SETTINGS[setting], "dev")]
    if setting != "stop":  # beside a route it concerns all services at once
        steps.append(routed(SETTINGS[setting], "dev"))
    for step_in_dev in steps:
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


@pytest.mark.parametrize(
    "edit",
    [
        *(
            at("metadata", "annotations", name)(value)
            for name, value in {
                "sidecar.istio.io/proxyImage": "evil.example/proxy",
                "sidecar.istio.io/userVolume": '[{"name": "x"}]',
                "iam.amazonaws.com/role": "admin",
                "vault.hashicorp.com/agent-inject": "true",
                "container.apparmor.security.beta.kubernetes.io/kserve-container": "unconfined",
                "serving.kserve.io/storageSecretName": "other",
                "prometheus.io/scrape": "true",
                "argocd.argoproj.io/compare-options": "IgnoreExtraneous",
                "bank.example/owner": "me",
            }.items()
        ),
        *(
            at("metadata", "labels")({MODEL_LABEL: "m", name: value})
            for name, value in {
                "azure.workload.identity/use": "true",
                "sidecar.istio.io/inject": "false",
                "networking.knative.dev/visibility": "cluster-local",
                "app": "other",
            }.items()
        ),
        *(
            at(*STABLE, "model", "env")(value)
            for value in (
                [{"name": "LD_PRELOAD", "value": "/x.so"}],
                [{"name": "OMP_NUM_THREADS", "value": "/x.so"}],
                [{"name": "OMP_NUM_THREADS", "value": "1"}, {"name": "A", "value": "1"}],
                [{"name": "OMP_NUM_THREADS", "valueFrom": {"secretKeyRef": {"name": "s"}}}],
                [{"name": "OMP_NUM_THREADS", "value": "1", "valueFrom": {}}],
            )
        ),
        *(
            at(*STABLE, "model", "resources")(value)
            for value in (
                {"claims": [{"name": "x"}]},
                {"limits": {"devices.kubevirt.io/kvm": "1"}},
                {"limits": {"memory": "1Gi"}, "requests": {"hugepages-2Mi": "1Gi"}},
            )
        ),
    ],
)
@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_what_a_mesh_or_a_cloud_reads_from_pods_needs_two_people_in_every_stage(
    edit: Callable[[dict[str, dict[str, object]]], object], stage: str
) -> None:
    for here in (edited(edit, stage), routed(edit, stage)):
        assert "changes" in lone_refusal(here)
        assert "changes" in machine_refusal(here)


@pytest.mark.parametrize(
    "edit",
    [
        at(*STABLE, "serviceAccountName")("admin"),
        at(*STABLE, "imagePullSecrets")([{"name": "x"}]),
        at(*STABLE, "model", "securityContext")({"privileged": True}),
    ],
)
def test_rights_of_one_release_need_two_people_in_every_stage(
    edit: Callable[[dict[str, dict[str, object]]], object],
) -> None:
    assert "changes" in lone_refusal(routed(edit, "dev"))


@pytest.mark.parametrize(
    "edit",
    [
        lambda value: value["spec"]["hostnames"].append("m.prod.evil.example"),
        at("spec", "parentRefs", 0, "name")("outside"),
        at("metadata", "labels")({"team": "mine"}),
    ],
)
def test_the_address_of_a_route_needs_two_people_in_every_stage(
    edit: Callable[[dict[str, dict[str, object]]], object],
) -> None:
    def in_stage(value: dict[str, dict[str, object]]) -> None:
        edit(value)
        hosts = value["spec"]["hostnames"]
        assert isinstance(hosts, list)
        hosts[:] = [each.replace("m.prod.", f"m.{stage}.") for each in hosts]

    for stage in ("dev", "prod"):
        here = of_file(f"envs/{stage}/m/route.yaml", in_stage, stage, "routed")
        assert "changes route.yaml" in lone_refusal(here)
        assert "changes route.yaml" in machine_refusal(here)


def test_one_person_removes_nothing_of_production_and_makes_nothing_unreadable() -> None:
    here = step(BOTH, CANARY)
    release = here.before.release

    files = here.before.applied
    assert "removes" in lone_refusal(replace(here, after=Files({}, None)))
    assert "removes" in lone_refusal(replace(here, after=Files(files, None)))
    assert "unreadable" in lone_refusal(replace(here, after=Files(files, b"a: [")))
    for path in files:
        broken = Files({**files, path: b"kind: ["}, release)
        fewer = Files({each: files[each] for each in files if each != path}, release)
        assert "unreadable" in lone_refusal(replace(here, after=broken))
        assert "unreadable" in lone_refusal(replace(here, after=fewer))


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
