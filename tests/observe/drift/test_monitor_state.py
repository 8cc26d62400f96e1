"""The stored state of the monitor: a restart goes on where it ended, also within a day."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from goldenpath.drift.counting import Counts
from goldenpath.drift.days.ranked_days import RankedDays
from goldenpath.drift.profile import Profile
from goldenpath.drift.sequential import Detector, State, log_evidence, look
from goldenpath.errors import InvalidInput
from goldenpath.observe.drift.monitor_state import MonitorState
from goldenpath.project.spec import MonitorSettings
from tests.drift.simulated import DAY, counts_of, profile_of

RANKED = RankedDays(500, tuple(i / 1000 for i in range(40)), tuple(i / 100 for i in range(40)))


def _profile(ranked: int) -> Profile:
    """A profile of three columns, of which so many are judged by whole days."""
    plain = profile_of(2)
    some = [
        replace(bins, ranked=RANKED if place < ranked else None)
        for place, bins in enumerate(plain.features)
    ]
    return replace(plain, features=tuple(some))


def _looked(profile: Profile, state: State, looks: range) -> State:
    detector, random = Detector.of(profile, MonitorSettings()), np.random.default_rng(looks.start)
    for number in looks:
        state = look(detector, state, counts_of(random, profile, 200), number * DAY // 3)
    return state


def _stored(state: State, profile: Profile) -> MonitorState:
    watch = MonitorState("prod", "credit", "sha256:00")
    watch.keep(state, Counts.zero(profile))
    return msgspec.json.decode(msgspec.json.encode(watch), type=MonitorState)


@pytest.mark.parametrize("ranked", [0, 1, 2])
def test_a_restart_in_the_middle_of_a_day_changes_no_evidence(ranked: int) -> None:
    profile = _profile(ranked)
    before = _looked(profile, State.fresh(profile), range(10))

    restarted = _stored(before, profile).state(profile)

    whole, again = (_looked(profile, state, range(10, 20)) for state in (before, restarted))
    detector = Detector.of(profile, MonitorSettings())
    assert np.array_equal(
        log_evidence(detector, whole.window()), log_evidence(detector, again.window())
    )


def test_days_of_another_profile_are_refused() -> None:
    watch = _stored(_looked(_profile(1), State.fresh(_profile(1)), range(4)), _profile(1))

    with pytest.raises(InvalidInput, match="do not fit"):
        watch.state(_profile(2))
