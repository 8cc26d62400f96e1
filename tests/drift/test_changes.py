"""Each kind of change: found, ended by a repair, found a second time."""

from dataclasses import replace

import numpy as np
import pytest

from goldenpath.drift.changes import Change, Process, change_size, changes, is_repaired
from goldenpath.drift.sequential import ChangeKind, Detector, State, log_evidence, look
from goldenpath.project.spec import MonitorSettings
from tests.drift.simulated import DAY, NO_DRIFT, Drift, counts_of, profile_of

PROFILE = profile_of(3, rows=30_000)
DETECTOR = Detector.of(PROFILE, MonitorSettings())
KINDS: dict[ChangeKind, Drift] = {
    "shift": Drift(shift=0.6),
    "new code": Drift(new=4),
    "missing": Drift(missing=6),
    "refused": Drift(refused=60),
}


class _Stream:
    """A deployment that looks every 200 rows, five times a day."""

    def __init__(self) -> None:
        self.state = State.fresh(PROFILE)
        self.random = np.random.default_rng(11)

    def looks(self, number: int, drift: Drift = NO_DRIFT) -> Change | None:
        """Look so often; return the first alarm that the last look has."""
        for _ in range(number):
            counts = counts_of(self.random, PROFILE, 200, drift)
            self.state = look(DETECTOR, self.state, counts, self.state.looks * DAY // 5)
        return self.alarm({})

    def alarm(self, after: dict[Process, int]) -> Change | None:
        found = list(changes(DETECTOR, self.state, after))
        return next((change for change in found if change.is_alarm), None)


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_is_found_ends_and_is_found_again(kind: ChangeKind) -> None:
    stream = _Stream()
    assert stream.looks(20) is None
    change = stream.looks(8, KINDS[kind])
    assert change is not None and (change.feature, change.kind) == ("x0", kind)
    drifted, opened = stream.state.since(change.onset), stream.state.looks

    def is_over() -> bool:
        evidence = log_evidence(DETECTOR, stream.state.window())
        process = ("x0", change.kind)
        return is_repaired(
            DETECTOR, stream.state, process, evidence, drifted=drifted, opened=opened
        )

    stream.looks(8, KINDS[kind])
    assert not is_over(), "the drift goes on"
    stream.looks(12)
    assert is_over()

    after: dict[Process, int] = {("x0", kind): stream.state.looks}
    stream.looks(20)
    assert stream.alarm(after) is None, "what came before the repair counts no more"
    stream.looks(8, KINDS[kind])
    again = stream.alarm(after)
    assert again is not None and (again.feature, again.kind) == ("x0", kind)


@pytest.mark.parametrize("reference", [24_000, 100_000])
@pytest.mark.parametrize("days", [0, 60])
def test_a_new_code_in_half_a_percent_of_the_rows_alarms_within_2000_rows(
    reference: int, days: int
) -> None:
    profile = profile_of(6, rows=reference, days=days)
    codes = tuple(map(float, range(10)))
    features = tuple(replace(bins, atoms=codes, edges=()) for bins in profile.features)
    profile = replace(profile, features=features)
    detector = Detector.of(profile, MonitorSettings())
    random = np.random.default_rng(5)
    state = State.fresh(profile)
    for number in range(10):
        state = look(detector, state, counts_of(random, profile, 200), number * DAY // 5)
    for number in range(10, 20):
        counts = counts_of(random, profile, 200, Drift(new=1))
        state = look(detector, state, counts, number * DAY // 5)

    first = next(changes(detector, state, {}))

    assert (first.feature, first.kind) == ("x0", "new code")
    size = change_size(detector, state.since(first.onset), 0, first.kind)
    assert first.is_alarm and size == pytest.approx(0.005, rel=0.3)
