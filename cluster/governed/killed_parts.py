"""Each part of the cluster killed during a promotion under load, and started again.

What is promised: nothing that is not approved ever answers, what serves keeps serving, and the
promotion arrives within a minute of the part's return.
"""

import shutil
import time
from dataclasses import dataclass

from cluster.control_plane import KubectlFailed
from cluster.controllers import kyverno
from cluster.governed.governed_platform import FOLLOWER, start_by_hand
from cluster.governed.paced_load import PacedAnswers, paced_load
from cluster.walk.following import await_synced
from cluster.walk.record import WalkFailed, WalkRecord
from cluster.walk.road import ENGINEER, MODEL, acting
from cluster.walk.serving_pods import BODY
from cluster.walk.stages import Scene, application_of, refresh
from goldenpath.processes.tool import run_tool

STAGE = "dev"
"""The two releases take turns here: no other stage has to serve a release before it enters."""
AWAY = 20.0
"""Seconds for which a part is away."""
WITHIN = 60.0
"""Seconds after its return within which a promotion has to arrive."""
RATE = 200.0
_CONTROLLERS = (
    "contour",
    "kube-controller-manager",
    "kube-scheduler",
    "kserve-manager",
    kyverno.NAME,
    "argocd-application-controller",
    "argocd-applicationset-controller",
    "kubelet",
)
"""What is started again after etcd was restored, as the documentation of Kubernetes asks."""


@dataclass(frozen=True, slots=True)
class KilledPart:
    """One part, and the programs of which it consists, in the order in which they start."""

    name: str
    programs: tuple[str, ...]
    away: float = AWAY
    is_outage: bool = False
    """Whether Kubernetes takes what serves out of its routes meanwhile, by design."""


PARTS = (
    KilledPart("the API server", ("kube-apiserver",)),
    KilledPart(
        "Argo CD",
        (
            "redis",
            "argocd-repo-server",
            "argocd-application-controller",
            "argocd-applicationset-controller",
        ),
    ),
    KilledPart("KServe", ("kserve-manager",)),
    KilledPart("Kyverno", (kyverno.NAME,)),
    KilledPart("the gateway's controller", ("contour",)),
    KilledPart("the registry", ("registry",)),
    KilledPart("our reconcile", (FOLLOWER,)),
    KilledPart("the kubelet", ("kubelet",)),
    KilledPart("the kubelet, longer than the grace period", ("kubelet",), 75.0, is_outage=True),
)


@dataclass(frozen=True, slots=True)
class Killing:
    """The releases that take turns, and one that nobody approved."""

    scene: Scene
    record: WalkRecord
    releases: tuple[str, str]
    unapproved: str
    rate: float = RATE


def kill_each(killing: Killing, parts: tuple[KilledPart, ...] = PARTS) -> None:
    """Kill part after part, each during a promotion, and etcd last."""
    with paced_load(killing.scene.address(STAGE), BODY, killing.rate) as answers:
        for part in parts:
            _kill(killing, part, answers)
        _restore_etcd(killing, answers)
    seen = {release for release in answers.releases() if release}
    claim = "over all outages, only approved releases answered"
    killing.record.require(seen <= {*killing.releases}, claim, answers)


def _kill(killing: Killing, part: KilledPart, answers: PacedAnswers) -> None:
    scene, daemons = killing.scene, killing.scene.stack.daemons
    release = _other(killing, answers)
    began = time.monotonic()
    _promote(scene, release)
    _look(scene)
    for program in part.programs:
        daemons.kill(program)
    killed = time.monotonic()
    by_hand = start_by_hand(scene, killing.unapproved, STAGE)
    status = _status(scene)
    time.sleep(max(0.0, killed + part.away - time.monotonic()))
    for program in part.programs:
        daemons.restart(program)
    _report(killing, part, answers, _Outage(release, began, time.monotonic(), by_hand, status))


@dataclass(frozen=True, slots=True)
class _Outage:
    release: str
    began: float
    returned: float
    by_hand: str
    status: str


def _report(killing: Killing, part: KilledPart, answers: PacedAnswers, outage: _Outage) -> None:
    record = killing.record
    seconds = _converge(killing.scene, answers, outage.release, outage.returned)
    sent = answers.since(outage.began)
    lost = [each for each in sent if each.problem]
    claim = f"{part.name} away for {part.away:.0f} s: a release that nobody approved does not start"
    record.require(bool(outage.by_hand), claim, outage.by_hand[-200:])
    claim = f"{part.name} away for {part.away:.0f} s: what serves keeps serving"
    seen = f"{len(lost)} of {len(sent)} requests lost; status: {outage.status}"
    if part.is_outage:
        record.note(f"{part.name}: an outage by design of Kubernetes", seen)
    else:
        record.require(not lost, claim, seen)
    claim = f"{part.name}: every answer comes from the promoted release, after its return"
    record.note(claim, f"{seconds:.0f} s")


def _converge(scene: Scene, answers: PacedAnswers, release: str, returned: float) -> float:
    """Wait until every answer of two seconds comes from a release; return how long it took."""
    asked = 0.0
    while True:
        revive(scene)
        now = time.monotonic()
        if now - asked > 5:
            asked = now
            _look(scene)
        recent = [each for each in answers.since(now - 2) if each.at < now]
        if recent and all(each.release == release for each in recent):
            return max(0.0, now - 2 - returned)
        if now - returned > WITHIN + 2:
            state = _status(scene)
            raise WalkFailed(f"not converged {WITHIN:.0f} s after the return: {state}")
        time.sleep(0.5)


def revive(scene: Scene) -> list[str]:
    """Start what ended by itself, as a kubelet starts a container again; return the names."""
    ended = [
        each.name
        for each in scene.stack.daemons.running
        if each.process is not None and each.process.poll() is not None
    ]
    for name in ended:
        scene.stack.daemons.restart(name)
    return ended


def _other(killing: Killing, answers: PacedAnswers) -> str:
    """Return the one of the two releases that does not serve now."""
    while not (recent := [each for each in answers.since(time.monotonic() - 1) if each.release]):
        time.sleep(0.2)
    first, second = killing.releases
    return second if recent[-1].release == first else first


def _promote(scene: Scene, release: str) -> None:
    # A release that comes back holds its stage; the next promotion needs it open.
    person = acting(ENGINEER)
    scene.road.attempt(f"resume {MODEL} --stage {STAGE} --reason 'the next one' {person}")
    scene.road.enter(release, STAGE)


def _look(scene: Scene) -> None:
    """Let Argo CD look at git, as a forge's webhook does; the API server may be away."""
    try:
        refresh(scene, application_of(STAGE))
    except KubectlFailed:
        return  # It is asked again.


def _status(scene: Scene) -> str:
    exit_code, printed, complaint = scene.road.attempt("status --target kubernetes")
    lines = [line.strip() for line in printed.splitlines() if line.startswith(" ")]
    reasons = "; ".join(dict.fromkeys(lines)) or " ".join(f"{printed} {complaint}".split())
    return f"exit code {exit_code}, {reasons[:400]}"


def _restore_etcd(killing: Killing, answers: PacedAnswers) -> None:
    """Lose etcd, and restore it from a snapshot of the time before the last promotion."""
    scene, daemons = killing.scene, killing.scene.stack.daemons
    plane = scene.stack.plane
    client = scene.stack.node.suites["own-governed"] / "usr/bin/etcdctl"
    snapshot = plane.folder / "snapshot"
    _etcdctl(client, "--endpoints", f"127.0.0.1:{plane.etcd}", "snapshot", "save", str(snapshot))
    release, began = _other(killing, answers), time.monotonic()
    _promote(scene, release)
    _converge(scene, answers, release, time.monotonic())
    for program in ("kube-apiserver", "etcd"):
        daemons.kill(program)
    killed = time.monotonic()
    by_hand, status = start_by_hand(scene, killing.unapproved, STAGE), _status(scene)
    restored = plane.folder / "restored"
    _etcdctl(client, "snapshot", "restore", str(snapshot), "--data-dir", str(restored))
    shutil.rmtree(plane.store / "member")
    shutil.move(restored / "member", plane.store / "member")
    time.sleep(max(0.0, killed + AWAY - time.monotonic()))
    for program in ("etcd", "kube-apiserver"):
        daemons.restart(program)
    for program in _CONTROLLERS:
        daemons.kill(program)
        daemons.restart(program)
    part = KilledPart("etcd, restored from before the last promotion,", ("etcd",))
    _report(killing, part, answers, _Outage(release, began, time.monotonic(), by_hand, status))


def _etcdctl(client: object, *arguments: str) -> None:
    run = run_tool([str(client), *arguments], environment={"ETCDCTL_API": "3"})
    if run.exit_code:
        raise WalkFailed(f"etcdctl: {run.complaint}")


def begin_turns(scene: Scene, releases: tuple[str, str]) -> None:
    """Let the second release serve, so that each promotion brings one back that was there."""
    _promote(scene, releases[1])
    await_synced(scene, STAGE)
