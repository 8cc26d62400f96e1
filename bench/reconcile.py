"""What following git costs: a first pass, and one in which nothing changed."""

import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from tests.deploy.machine.memory import MemoryTarget
from tests.deploy.platform import OneMachine

from bench.measurement import Measurement
from goldenpath.deploy.reconcile.gitops_source import GitSource
from goldenpath.deploy.reconcile.loop import Reconciler
from goldenpath.deploy.reconcile.verdicts import AdmissionAnswer
from goldenpath.digest import Digest
from goldenpath.promote.manifests.deployment_files import render_deployment
from goldenpath.promote.manifests.desired import Deployment, Slot, slot_name
from goldenpath.release.attest.policy import Finding

MODELS, STAGES, ROUNDS = 1000, ("dev", "test", "prod"), 5


def run() -> Iterator[Measurement]:
    """1,000 models in 3 stages of one repository, real git, a target that does as it is told."""
    with tempfile.TemporaryDirectory() as folder:
        here = OneMachine(Path(folder))
        _declare(here)
        good = (Finding("signature", "pass", "good"),)
        loop = Reconciler(
            GitSource(here.repository, here.home.trust),
            lambda *_: AdmissionAnswer(good),
            MemoryTarget(),
            lambda refused: None,
        )
        first = _seconds(lambda: loop.step(datetime.now(UTC)))
        yield Measurement(6, "first pass over 3,000 deployments", first, "s")
        again = median(_seconds(lambda: loop.step(datetime.now(UTC))) for _ in range(ROUNDS))
        yield Measurement(6, "a pass over them without a change", again, "s", 1.0, again < 1.0)


def _declare(here: OneMachine) -> None:
    platform, files = here.trusted().platform, dict[str, bytes | None]()
    for number in range(MODELS):
        digest = Digest.of(f"model {number}".encode())
        for stage in STAGES:
            slots = (Slot(slot_name(digest), digest, 100),)
            files.update(render_deployment(Deployment(stage, f"model-{number}", slots), platform))
    here.commit(files)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
