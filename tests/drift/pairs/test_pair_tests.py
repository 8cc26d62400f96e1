"""Pairs of features: found by name while no column changes alone, ended by a repair, and quiet."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from goldenpath.drift.changes import Change, Process, changes, is_repaired
from goldenpath.drift.counting import Counts, count
from goldenpath.drift.pairs.pair_reference import MOST_PAIRED, PairedFeature, pair_counts
from goldenpath.drift.profile import Floats, Profile
from goldenpath.drift.profile_format import parse_profile, render_profile
from goldenpath.drift.reference_profile import ReferenceTimes, build_profile
from goldenpath.drift.seasons import DAY
from goldenpath.drift.sequential import Detector, State, log_evidence, look
from goldenpath.drift.verdict import OpenChange, drift_verdict
from goldenpath.errors import InvalidInput
from goldenpath.project.spec import Band, Contract, DecisionPolicy, Feature, MonitorSettings

ROWS, DAYS, LOOK = 20_000, 50, 200
DECISION = DecisionPolicy((Band("low", 0.5, "accept"), Band("high", 1.01, "decline")))


def _rows(seed: int, rows: int, correlation: float, *, moved: float = 0.0) -> Floats:
    """Four features; the first two with this correlation, the last two with one of 0.6."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(rows, 4))
    for one, other, power in [(0, 1, correlation), (2, 3, 0.6)]:
        values[:, other] = power * values[:, one] + np.sqrt(1 - power**2) * values[:, other]
    return (values + moved).astype(np.float32)


def _profile(rows: Floats, *, is_timed: bool = True) -> Profile:
    names = [f"x{place}" for place in range(rows.shape[1])]
    contract = Contract(
        "pairs", tuple(Feature(name, "number") for name in names), "p", DECISION, MonitorSettings()
    )
    times = np.sort(np.arange(len(rows), dtype=np.int64) % DAYS) * DAY
    table = {name: rows[:, place] for place, name in enumerate(names)}
    scores = np.random.default_rng(0).random(len(rows))
    return build_profile(
        contract, table, scores, times=ReferenceTimes(times, times) if is_timed else None
    )


PROFILE = _profile(_rows(1, ROWS, 0.0))


class _Stream:
    def __init__(self, profile: Profile = PROFILE) -> None:
        self.detector = Detector.of(profile, MonitorSettings())
        self.state, self.seed = State.fresh(profile), 100

    def looks(self, number: int, correlation: float, *, moved: float = 0.0) -> list[Change]:
        """Look so often, and return the alarms of the last look."""
        for _ in range(number):
            self.seed += 1
            rows = _rows(self.seed, LOOK, correlation, moved=moved)
            scores = np.random.default_rng(self.seed).random(LOOK).astype(np.float32)
            counts = count(self.detector.profile, rows, scores)
            self.state = look(self.detector, self.state, counts, self.state.looks * DAY // 5)
        return self.alarms({})

    def alarms(self, after: dict[Process, int]) -> list[Change]:
        return [each for each in changes(self.detector, self.state, after) if each.is_alarm]


@pytest.mark.parametrize(
    ("before", "after", "looks"), [(0.0, 0.9, 1), (0.0, 0.5, 4), (0.9, 0.0, 1), (0.5, -0.5, 1)]
)
def test_a_correlation_that_changes_alone_is_found_by_the_name_of_the_pair(
    before: float, after: float, looks: int
) -> None:
    stream = _Stream(_profile(_rows(1, ROWS, before)))
    assert stream.looks(10, before) == []

    found = stream.looks(looks, after)

    assert [(each.feature, each.kind) for each in found] == [("x0 and x1", "pair")]
    assert abs(found[0].since - 10 * DAY // 5) <= DAY // 5


def test_a_shift_of_each_feature_is_no_change_of_a_pair() -> None:
    stream = _Stream()
    found = stream.looks(10, 0.0, moved=0.3)

    assert {each.kind for each in found} == {"shift"}


def test_a_pair_is_repaired_and_found_again() -> None:
    stream = _Stream()
    stream.looks(5, 0.0)
    change = stream.looks(3, 0.9)[0]
    drifted, opened = stream.state.since(change.onset), stream.state.looks

    def is_over() -> bool:
        evidence = log_evidence(stream.detector, stream.state.window())
        process = (change.feature, change.kind)
        return is_repaired(
            stream.detector, stream.state, process, evidence, drifted=drifted, opened=opened
        )

    stream.looks(3, 0.9)
    assert not is_over()
    stream.looks(3, 0.0)
    assert is_over()
    after: dict[Process, int] = {(change.feature, change.kind): stream.state.looks}
    stream.looks(5, 0.0)
    assert stream.alarms(after) == []
    stream.looks(3, 0.9)
    assert [each.feature for each in stream.alarms(after)] == ["x0 and x1"]


def test_rows_like_the_reference_raise_nothing() -> None:
    assert _Stream().looks(150, 0.0) == []


def test_a_reference_of_one_moment_lets_a_pair_change_by_a_fifth() -> None:
    stream = _Stream(_profile(_rows(1, ROWS, 0.0), is_timed=False))

    assert stream.looks(20, 0.5) == []
    assert [each.feature for each in stream.looks(3, 0.9)] == ["x0 and x1"]


def test_the_report_says_what_has_changed_about_the_pair_and_that_it_is_drift() -> None:
    stream = _Stream()
    stream.looks(3, 0.9)

    for opened in [(), (OpenChange("x0 and x1", "pair", "1970-01-01T00:00:00Z"),)]:
        verdict = drift_verdict(stream.detector, stream.state, opened=opened)
        assert verdict.answer == "drift"
        assert verdict.sentence == "drift in x0 and x1 (pair)"
        assert verdict.pairs[0].startswith("x0 and x1 go together otherwise")
        assert "in the reference in 49%" in verdict.pairs[0]


def test_sides_are_counted_exactly_and_missing_values_in_no_pair() -> None:
    values = np.array([[1, 5, 7], [2, np.nan, 8], [3, 6, 7], [4, 4, 9]], np.float32)
    halves = [
        PairedFeature("a", 0, 2.0, False),
        PairedFeature("b", 1, 4.0, False),
        PairedFeature("c", 2, 7.0, True),
    ]
    sides = [half.sides(values[:, half.place]) for half in halves]

    found = pair_counts(np.column_stack(sides))

    expected = []
    for one, other in itertools.combinations(range(3), 2):
        product = sides[one] * sides[other]
        expected.append([int((product > 0).sum()), int((product != 0).sum())])
    assert found.T.tolist() == expected


def test_columns_that_say_nothing_are_in_no_pair_and_the_rest_is_bounded() -> None:
    rows = _rows(3, 2000, 0.0)
    constant, empty, rare = np.ones(2000), np.full(2000, np.nan), np.arange(2000) < 20
    odd = np.column_stack([rows, constant, empty, rare]).astype(np.float32)

    pairs = _profile(odd).pairs

    assert pairs is not None
    assert [each.name for each in pairs.features] == ["x0", "x1", "x2", "x3"]
    assert _profile(odd[:, 4:]).pairs is None
    many = np.random.default_rng(4).normal(size=(500, MOST_PAIRED + 2)).astype(np.float32)
    wide = _profile(many)
    assert wide.pairs is not None and wide.pairs.left_out == 2
    limits = drift_verdict(Detector.of(wide, MonitorSettings()), State.fresh(wide)).limits
    assert any("2 further features are in no pair" in limit for limit in limits)


def test_a_profile_with_pairs_is_the_same_after_it_is_written() -> None:
    content = render_profile(PROFILE)

    assert parse_profile(content) == PROFILE
    for old, new in [
        (b'"alike":[', b'"alike":[1,'),
        (b'"effects":[', b'"effects":[0.5,'),
        (b'"place":0', b'"place":9'),
    ]:
        assert old in content
        with pytest.raises(InvalidInput, match="pair"):
            parse_profile(content.replace(old, new, 1))


def test_counts_of_pairs_add_up_and_those_of_another_profile_are_refused() -> None:
    rows, scores = _rows(5, 400, 0.3), np.zeros(400, np.float32)
    halves = [count(PROFILE, rows[part], scores[part]) for part in (slice(200), slice(200, 400))]

    assert np.array_equal((halves[0] + halves[1]).pairs, count(PROFILE, rows, scores).pairs)
    with pytest.raises(InvalidInput, match="different profiles"):
        halves[0] + Counts.zero(replace(PROFILE, pairs=None))
