"""Limits that were changed after the run let no release pass."""

from dataclasses import replace
from pathlib import Path

import pytest

from goldenpath.digest import Digest
from goldenpath.promote.gates.admission_policy import release_policy
from goldenpath.promote.workspace.scene_reader import deployment_of
from goldenpath.release.attest.statement import DECISION
from goldenpath.release.attest.verify import verify
from goldenpath.train.training_run import TrainingRun
from tests.promote.road import MODEL, Road, documents, good_run

FILE = "compliance/thresholds.yaml"
LOWERED = documents()[FILE].replace(b"minimum: 0.85", b"minimum: 0.05")
RUN = good_run()
LATER = "2026-11-22T12:00:00Z"


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (RUN, "other limits than those in the release"),
        (
            replace(
                RUN,
                thresholds_digest=Digest.of(LOWERED).text,
                thresholds_committed_at=LATER,
            ),
            f"limits committed {LATER}, run started {RUN.started_at}",
        ),
    ],
    ids=["only the file", "file and record"],
)
def test_a_threshold_changed_after_the_run_commits_and_registers_nothing(
    tmp_path: Path, run: TrainingRun, said: str
) -> None:
    road = Road(tmp_path)
    digest = road.release(run=run, extra={FILE: LOWERED})
    assert documents()[FILE] != LOWERED
    road.promote(digest, "dev")  # where nobody asks for limits
    before = road.trusted().commit, road.store.tags()

    done = road.promote(digest, "test")

    assert (done.commit, done.deployment) == ("", None)
    assert done.closed == ("threshold-order",)
    assert done.decision is not None
    assert said in str([each.message for each in done.decision.findings])
    assert (road.trusted().commit, road.store.tags()) == before
    assert deployment_of(road.repository, road.trusted(), "test", MODEL) is None
    platform = road.trusted().platform
    policy = release_policy(platform)
    verified = verify(road.store, digest, policy, people=platform.people, now=road.now)
    allowed = [each.statement.predicate["allowed"] for each in verified.of_type(DECISION)]
    stages = [each.statement.predicate["stage"] for each in verified.of_type(DECISION)]
    assert ("test", True) not in zip(stages, allowed, strict=True)
