"""The judge's verdicts as signed commits: each reason to hold once, with the numbers."""

from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path

from goldenpath.canary.steering import Steering
from goldenpath.deploy.reconcile.status import Status, describe
from goldenpath.deploy.reconcile.target import Running
from goldenpath.observe.drift.outcomes import PAIRED
from goldenpath.promote.manifests.desired import Rollout
from goldenpath.promote.platform.platform import Freeze
from goldenpath.promote.workspace.scene_reader import deployment_of, placement_of
from goldenpath.promote.workspace.stage_changes import promote
from goldenpath.serve.gateway.tally import Tally
from tests.promote.road import MODEL, Road

PLAN = Rollout((10, 50, 100), {"requests": 500.0}, "auto")


def seen(road: Road, answers: int, differ: int) -> Status:
    """The status that `up` would publish after so many answers of the canary."""
    trusted = road.trusted()
    wanted = deployment_of(road.repository, trusted, "dev", MODEL)
    assert wanted is not None
    stable, canary = (f"{wanted.name}/{slot.name}" for slot in wanted.slots)
    pairs = answers // 4
    counts = {"outcome accept": (answers // 2, answers), PAIRED: (differ, pairs)}
    return Status(
        road.now.isoformat(), 1, trusted.commit, "127.0.0.1:1",
        (describe(wanted.name, wanted, Running(wanted, "ready"), None, since=""),), (),
        tallies={key: asdict(Tally(requests=answers)) for key in (stable, canary)},
        answers={stable: counts, canary: counts},
    )  # fmt: skip


def test_each_reason_to_hold_is_committed_once_with_the_numbers(tmp_path: Path) -> None:
    road = Road(tmp_path)
    road.promote(road.release(b"one"), "dev")
    promote(road.desk("platform-engineer"), road.release(b"two"), "dev", rollout=PLAN)
    steering = Steering(road.machine(), lambda *_: None, lambda _: None)

    assert not steering(seen(road, 0, 0))
    assert steering(seen(road, 100, 1))
    assert not steering(seen(road, 200, 1))
    again = Steering(road.machine(), lambda *_: None, lambda _: None)  # `up` was started again
    assert not again(seen(road, 300, 2))
    assert steering(seen(road, 600, 8))

    worse, few, *_ = road.repository.history()
    assert few.trailer("Reason").startswith("hold: 100 of 500 answers that are needed")
    assert worse.trailer("Reason").startswith(f"hold: {PAIRED} looks worse, but that may be chance")
    assert any(PAIRED in each for each in worse.trailers["Judged"])
    assert road.repository.verify(few.id, road.trusted().platform.commit_keys) == "rollout"
    placement = placement_of(road.repository, road.trusted(), "dev", MODEL)
    assert placement is not None
    assert placement.judged == ("too few answers", "looks worse")

    assert steering(seen(road, 1600, 1))
    assert next(road.repository.history()).subject.startswith(f"dev: rollout {MODEL}")
    placement = placement_of(road.repository, road.trusted(), "dev", MODEL)
    assert placement is not None and placement.judged == ()


def test_a_canary_that_a_freeze_kept_moves_once_the_freeze_is_over_without_a_commit(
    tmp_path: Path,
) -> None:
    road = Road(tmp_path)
    road.promote(road.release(b"one"), "dev")
    promote(road.desk("platform-engineer"), road.release(b"two"), "dev", rollout=PLAN)
    platform = road.trusted().platform
    dev, *others = platform.stages
    freeze = Freeze(road.now, road.now + timedelta(hours=1), "end of the year")
    road.change_platform(replace(platform, stages=(replace(dev, freezes=(freeze,)), *others)))
    said: list[str] = []
    steering = Steering(road.machine(), lambda *_: None, said.append)

    assert not steering(seen(road, 1600, 1))
    road.pass_time(minutes=30)
    assert not steering(seen(road, 1600, 1))
    road.pass_time(minutes=31)
    assert steering(seen(road, 1600, 1))

    assert len([line for line in said if "stays as it is" in line]) == 1
    assert next(road.repository.history()).subject.startswith(f"dev: rollout {MODEL}")


def test_a_failure_is_reported_when_it_begins_and_not_every_second(tmp_path: Path) -> None:
    road = Road(tmp_path)
    road.promote(road.release(b"one"), "dev")
    promote(road.desk("platform-engineer"), road.release(b"two"), "dev", rollout=PLAN)
    lines: list[str] = []
    steering = Steering(road.machine(), lambda *_: None, lines.append)
    status, away = seen(road, 100, 1), tmp_path / "away"

    road.home.gitops.rename(away)
    assert not steering(status) and not steering(status)
    assert len([line for line in lines if "is not moved" in line]) == 1

    away.rename(road.home.gitops)
    assert steering(status)
    later = seen(road, 600, 8)
    road.home.gitops.rename(away)
    assert not steering(later) and not steering(later)
    assert len([line for line in lines if "is not moved" in line]) == 2
