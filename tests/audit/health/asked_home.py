"""A home whose one deployment was asked, refused, drifts, and has an open finding."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from goldenpath.audit.health.deployment_health import (
    DeploymentHealth,
    HealthSources,
    deployment_health,
)
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.home import Home
from goldenpath.observe.drift.monitor import Monitor
from goldenpath.observe.labels.performance_report import PerformanceReport
from goldenpath.observe.log.prediction_log import PredictionLog
from goldenpath.observe.log.records import Block
from goldenpath.observe.log.spool_tail import Tail
from goldenpath.observe.log.subject_keys import Subjects
from goldenpath.promote.manifests.desired import Deployment, Slot
from goldenpath.promote.platform.alarm_rules import ModelOwner
from goldenpath.release.attest.keys import generate_key
from goldenpath.serve.record.spool_format import Answered
from tests.observe.spooling import (
    DIGEST,
    FACTS,
    START,
    answer,
    draw,
    header,
    refused,
    spool_path,
    write_spool,
)

ASKED_AT = datetime.fromtimestamp(START // 1_000_000_000, UTC)
OWNER = ModelOwner("risk <models>", runbook="https://wiki.bank.example/drift")
LIVE = Deployment("prod", "credit", (Slot("r1", Digest(DIGEST), 100),))


def asked_home(folder: Path, answered: list[Answered]) -> Home:
    """A home with these requests in its sealed log."""
    home = Home(folder)
    write_spool(spool_path(home.spool), answered)
    subjects = Subjects(home.keys)
    log = PredictionLog(home.predictions, subjects, generate_key(home.log_key), lambda _: FACTS)
    for batch in Tail(home.spool, log.resume, pytest.fail).batches():
        log.add(batch, 0.0)
        log.seal(batch.path, ASKED_AT)
    subjects.close()
    return home


def requests() -> list[Answered]:
    """An answer two hours ago, a shadow of it, and in this hour three of two rows, one refused."""
    earlier = answer(0, draw(1, 9))
    earlier = msgspec.structs.replace(earlier, started=START - 2 * 3600 * 1_000_000_000)
    shadow = msgspec.structs.replace(answer(1, draw(1, 9)), shadow=True)
    slow = msgspec.structs.replace(answer(4, draw(2, 3)), duration=8_000_000)
    return [earlier, shadow, answer(2, draw(2, 1)), answer(3, draw(2, 2)), slow,
            refused(5, "status")]  # fmt: skip


def watched(home: Home) -> None:
    """Let the monitor see a new code, which opens a finding."""
    monitor = Monitor(home.drift, home.findings, lambda _: FACTS)
    monitor.add(Block.of(header(), [answer(0, draw(3000, 1, new_code=0.15))]), ASKED_AT)
    monitor.save(ASKED_AT)


def no_performance(stage: str, model: str) -> PerformanceReport:
    """What the labels of another task give."""
    raise InvalidInput("labels are compared with probabilities only: credit has the task value")


def health_of(
    home: Home,
    performance: Callable[[str, str], PerformanceReport] = no_performance,
    deployment: Deployment = LIVE,
    owners: tuple[ModelOwner, ...] = (OWNER,),
) -> DeploymentHealth:
    """The health a minute after the last request."""
    sources = HealthSources(
        home,
        (),
        owners,
        lambda digest: FACTS if digest == DIGEST else None,
        performance,
        ASKED_AT + timedelta(minutes=1),
    )
    return deployment_health(sources, deployment)
