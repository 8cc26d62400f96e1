"""One run of the judge on given counts: what is committed, and what is not."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from goldenpath.canary.analysis import Criteria
from goldenpath.canary.arms import Arm, verdict_on
from goldenpath.canary.judge import judge_once
from goldenpath.digest import Digest
from goldenpath.promote.manifests.desired import Rollout
from goldenpath.promote.workspace.stage_changes import promote
from tests.promote.road import MODEL, Road

PLAN = Rollout((10, 50, 100), {"requests": 500.0}, "auto")
SLOWER = {0.01: 10_000, 0.025: 1500, 0.1: 0}
COUNTS = {"outcome accept": (14_000, 20_000), "decline where sex = 2": (1200, 4000)}
GOOD = Arm(20_000, 20, SLOWER, COUNTS)


@dataclass
class Counted:
    """A source with given counts that remembers the start of the period it was asked for."""

    stable: Arm
    canary: Arm
    since: datetime | None = None

    def arms(
        self, stage: str, model: str, releases: Sequence[Digest], since: datetime, until: datetime
    ) -> tuple[Arm, ...]:
        self.since = since
        return self.stable, self.canary


def test_a_good_canary_steps_once_per_look_and_only_if_the_machine_may(tmp_path: Path) -> None:
    road, source = Road(tmp_path), Counted(GOOD, GOOD)
    road.promote(road.release(b"one"), "dev")
    promote(road.desk("platform-engineer"), road.release(b"two"), "dev", rollout=PLAN)
    began, head = road.now, road.repository.fetch()
    road.pass_time(hours=2)

    dry = judge_once(road.machine(), source, MODEL, "dev", dry_run=True)
    assert dry is not None and dry.verdict.action == "advance" and not dry.commit
    assert road.repository.fetch() == head
    assert source.since == began

    done = judge_once(road.machine(), source, MODEL, "dev")
    assert done is not None and done.done is not None and done.done.deployment is not None
    assert done.done.deployment.slots[-1].percent == 50
    first = next(road.repository.history())
    assert first.id == done.commit
    assert road.repository.verify(first.id, road.trusted().platform.commit_keys) == "rollout"

    judge_once(road.machine(), source, MODEL, "dev", dry_run=True)
    assert source.since == road.now  # the next step has counts of its own


def test_a_person_s_rollout_is_judged_and_left_alone(tmp_path: Path) -> None:
    road = Road(tmp_path)
    road.promote(road.release(b"one"), "dev")
    by_hand = replace(PLAN, judge="person")
    promote(road.desk("platform-engineer"), road.release(b"two"), "dev", rollout=by_hand)

    found = judge_once(road.machine(), Counted(GOOD, GOOD), MODEL, "dev")

    assert found is not None and found.verdict.action == "advance" and found.done is None


def test_harm_shows_in_errors_durations_and_one_slice() -> None:
    criteria = Criteria(requests=500)
    for worse, name in (
        (replace(GOOD, failed=1000), "errors"),
        (replace(GOOD, slower={**SLOWER, 0.025: 15_000}), "slower than 10 ms"),
        (
            replace(GOOD, answers={**GOOD.answers, "decline where sex = 2": (2500, 4000)}),
            "decline where sex = 2",
        ),
    ):
        verdict = verdict_on(GOOD, worse, criteria)
        assert (verdict.action, name in verdict.reason) == ("roll back", True), verdict
    assert verdict_on(GOOD, replace(GOOD, answers={}), criteria).action == "hold"
    assert verdict_on(Arm(), Arm(), criteria).action == "hold"


def test_a_source_with_a_gap_advances_nothing_and_still_takes_harm_back() -> None:
    criteria, broken = Criteria(requests=500), replace(GOOD, gaps=("segment 3 of r1 is gone",))

    held = verdict_on(GOOD, broken, criteria)
    assert verdict_on(GOOD, GOOD, criteria).action == "advance"
    assert (held.action, held.state) == ("hold", "gaps")
    assert "segment 3 of r1 is gone" in held.reason and held.numbers[-1] == broken.gaps[0]
    assert verdict_on(broken, replace(GOOD, failed=1000), criteria).action == "roll back"
