"""Stops with their measured seconds, and second looks from a real prediction log."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from goldenpath.audit.answers.oversight_counts import OversightCounts
from goldenpath.audit.events.event import Event
from goldenpath.audit.events.event_log import EventLog
from goldenpath.audit.registers.oversight import overseen
from goldenpath.audit.registers.register_gathering import gather_oversight
from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.home import Home
from goldenpath.promote.workspace.stage_changes import roll_back
from goldenpath.times import timestamp
from tests.audit.registers.asking import records_of
from tests.promote.road import MODEL, Road

PERIOD = timedelta(days=30)


class RolledBack:
    """Two releases in dev, and a rollback to the first one."""

    def __init__(self, folder: Path) -> None:
        self.road = road = Road(folder)
        self.first, self.second = road.release(b"one"), road.release(b"two")
        road.promote(self.first, "dev")
        road.promote(self.second, "dev")
        road.pass_time(minutes=1)
        self.outcome = roll_back(road.desk("validator"), MODEL, "dev", reason="scores are wrong")
        self.stopped_at = road.now
        road.pass_time(minutes=5)

    def route(self, seconds: float, release: Digest) -> Event:
        slot: JsonValue = {"name": "r", "digest": release.text, "percent": 100}
        time = timestamp(self.stopped_at + timedelta(seconds=seconds))
        return Event(time, "route.changed", "system", "dev", MODEL, details={"slots": [slot]})


@pytest.fixture(scope="module")
def rolled(tmp_path_factory: pytest.TempPathFactory) -> RolledBack:
    return RolledBack(tmp_path_factory.mktemp("oversight"))


def test_a_rollback_has_its_seconds_until_the_release_lost_its_traffic(
    rolled: RolledBack, tmp_path: Path
) -> None:
    home = Home(tmp_path)
    log = EventLog(home.events)
    # Before the stop, during it with the bad release still routed, and its effect.
    for event in (
        rolled.route(-30, rolled.second), rolled.route(1, rolled.second),
        rolled.route(3.5, rolled.first), rolled.route(60, rolled.first),
    ):  # fmt: skip
        log.append(event)

    register = gather_oversight(records_of(rolled.road, rolled.road.now), home, PERIOD)

    (stop,) = register.stops
    assert (stop.action, stop.by, stop.reason) == ("rollback", "validator", "scores are wrong")
    assert (stop.release, stop.seconds) == (rolled.second.text, 3.5)
    assert stop.commit == rolled.outcome.commit


def test_an_effect_that_nobody_observed_is_unknown_and_not_fast(
    rolled: RolledBack, tmp_path: Path
) -> None:
    home = Home(tmp_path)
    EventLog(home.events).append(rolled.route(1, rolled.second))

    (stop,) = gather_oversight(records_of(rolled.road, rolled.road.now), home, PERIOD).stops

    assert (stop.seconds, stop.effect_at) == (None, None)
    assert "no event of this machine" in stop.unknown


def test_a_promotion_is_no_stop_and_the_period_is_kept(rolled: RolledBack, tmp_path: Path) -> None:
    early = records_of(rolled.road, rolled.stopped_at - timedelta(seconds=30))
    late = records_of(rolled.road, rolled.stopped_at + timedelta(days=31))

    assert gather_oversight(early, Home(tmp_path), PERIOD).stops == ()
    assert gather_oversight(late, Home(tmp_path), PERIOD).stops == ()


def test_without_a_log_nothing_is_claimed(rolled: RolledBack, tmp_path: Path) -> None:
    records = records_of(rolled.road, rolled.road.now)

    register = gather_oversight(records, Home(tmp_path), PERIOD)

    assert (register.models, register.overrides) == ((), "not known")
    assert "there is no prediction log on this machine" in register.unknown


def test_the_share_of_second_looks_is_of_the_answers_with_a_recorded_mode() -> None:
    name = ("prod", "credit")
    modes = Counter({
        "automatic by policy": 6, "human-in-loop by policy": 1, "human-in-loop by caller": 1,
        "not recorded": 100,
    })  # fmt: skip
    counts = OversightCounts({name: modes}, Counter({name: 2}))

    (model,) = overseen(counts)

    assert (model.second_looks, model.share, model.fallback) == (2, 0.25, 2)
    (empty,) = overseen(replace(counts, by_mode={name: Counter({"not recorded": 3})}))
    assert empty.share is None
