"""One gitops repository with 1,000 models over 3 stages: what a look at it costs."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from bench.measurement import Measurement
from goldenpath.deploy.reconcile.gitops_source import GitSource
from goldenpath.deploy.reconcile.loop import Reconciler
from goldenpath.deploy.reconcile.target import Action, Apply, Running
from goldenpath.deploy.reconcile.verdicts import AdmissionAnswer
from goldenpath.digest import Digest
from goldenpath.home import Home
from goldenpath.promote.acts.founding import PlatformOptions
from goldenpath.promote.manifests.deployment_files import release_path, render_deployment
from goldenpath.promote.manifests.desired import Deployment, Placement, Rollout, Slot, slot_name
from goldenpath.promote.manifests.placement import render_placement
from goldenpath.promote.platform.platform import Platform
from goldenpath.promote.repository.chain_of_trust import Trusted, follow
from goldenpath.promote.repository.identity import Identity
from goldenpath.promote.repository.worktree import Repository
from goldenpath.promote.workspace.desired_state import Surveyor
from goldenpath.promote.workspace.platform_setup import found
from goldenpath.release.attest.signatures.sshsig import SshKey

MODELS = 1000
ROUNDS = 9


class _Obedient:
    """A target that runs at once what it is told: what is timed is the pass, not servers."""

    def __init__(self) -> None:
        self.running: dict[str, Running] = {}

    def observe(self) -> dict[str, Running]:
        return self.running

    def perform(self, action: Action) -> None:
        if isinstance(action, Apply):
            self.running[action.deployment.name] = Running(action.deployment, "ready")


def run() -> Iterator[Measurement]:
    """The figures of issue 6."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        repository = Repository(str(home.gitops), home.gitops_cache)
        _fill(home, repository, Path(folder) / "engineer")
        trusted = follow(repository, home.trust)
        yield from _survey(home, repository, trusted)
        reconciler = Reconciler(
            GitSource(repository, home.trust),
            lambda *_: AdmissionAnswer(()),
            _Obedient(),
            lambda _: None,
        )
        now = datetime.now(UTC)
        yield _timed("reconcile, first pass", lambda: reconciler.step(now), 1)
        yield _timed("reconcile, full pass without a change", lambda: reconciler.step(now), goal=1)


def _survey(home: Home, repository: Repository, trusted: Trusted) -> Iterator[Measurement]:
    file = Path(home.root) / "survey"
    cold = Surveyor(repository)
    yield _timed("the desired state, 3,000 manifests read anew", lambda: cold.survey(trusted), 1)
    Surveyor(repository, file).survey(trusted)
    yield _timed(
        "the desired state, as `inventory` asks, nothing changed",
        lambda: Surveyor(repository, file).survey(follow(repository, home.trust)),
        goal=0.5,
    )


def _timed(
    name: str, work: Callable[[], object], rounds: int = ROUNDS, *, goal: float | None = None
) -> Measurement:
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    value = median(taken)
    return Measurement(6, name, value, "s", goal, None if goal is None else value < goal)


def _fill(home: Home, repository: Repository, key: Path) -> None:
    engineer, now = Identity("platform-engineer", SshKey.generate(key)), datetime.now(UTC)
    wishes = PlatformOptions("127.0.0.1:0", "registry.example/models", ("platform-engineer",))
    found(
        home,
        repository,
        engineer,
        wishes,
        environment=dict(os.environ),
        now=now - timedelta(minutes=1),
    )
    trusted = follow(repository, home.trust)
    files: dict[str, bytes | None] = {}
    for number in range(MODELS):
        for stage in trusted.platform.stages:
            files |= _deployed(trusted.platform, stage.name, f"model-{number}")
    repository.commit(trusted.commit, files, "many", engineer.name, key=engineer.key, now=now)


def _deployed(platform: Platform, stage: str, model: str) -> dict[str, bytes]:
    digest = Digest.of(model.encode())
    deployment = Deployment(stage, model, (Slot(slot_name(digest), digest, 100),))
    placement = Placement(digest, None, "", "", Rollout(), (), None)
    rendered = dict(render_deployment(deployment, platform))
    return {**rendered, release_path(stage, model): render_placement(placement)}
