"""Many codes of a category: the same numbers as a comparison with each code, at linear cost."""

import tracemalloc

import numpy as np
import pytest

from goldenpath.drift.counting import Counts, bin_positions, count_column
from goldenpath.drift.detectable import detectable
from goldenpath.drift.profile import Bins, Floats, Profile
from goldenpath.drift.seasons import DAY
from goldenpath.drift.sequential import Detector, State, log_evidence, look
from goldenpath.project.spec import MonitorSettings
from goldenpath.project.task.category_cost import BYTES_A_CODE

LOOKS = 400
"""Enough for 30 kept starts."""


def category(codes: int, name: str = "branch") -> Bins:
    """A category whose few first codes are common, and whose others share the rest."""
    counts = [30 * codes // (place + 1) for place in range(codes)]
    return Bins(name, "category", tuple(map(float, range(codes))), (), (*counts, 0, 0))


def profile_of(codes: int) -> Profile:
    branch = category(codes)
    score = Bins("p", "score", (), (0.0, 0.5, 1.0), (50, 50, 0, 0))
    return Profile(sum(branch.counts), (branch,), score, days=100)


def drifted(profile: Profile, random: np.random.Generator, rows: int = 200) -> Counts:
    values = np.zeros(profile.size, np.int64)
    usual = np.array(profile.features[0].counts) + 0.5
    values[: len(usual)] = random.multinomial(rows, usual / usual.sum())
    values[len(usual)] = rows
    return Counts.of(profile, values, rows)


def bytes_held(codes: int) -> int:
    """The most bytes that a monitor of one category holds in `LOOKS` looks."""
    profile, random = profile_of(codes), np.random.default_rng(1)
    tracemalloc.start()
    detector, state = Detector.of(profile, MonitorSettings()), State.fresh(profile)
    for number in range(LOOKS):
        state = look(detector, state, drifted(profile, random), number * DAY)
    log_evidence(detector, state.window())
    detectable(detector, state)
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return held


def test_four_times_the_codes_hold_at_most_four_times_the_bytes() -> None:
    few, many = bytes_held(1_000), bytes_held(4_000)

    assert many < 4.2 * few
    assert many <= 4_000 * BYTES_A_CODE, "what `check` says that it takes"


def test_the_detector_computes_over_the_common_codes_alone() -> None:
    few, many = (
        [test.positions.size for test in Detector.of(profile_of(codes), MonitorSettings()).shifts]
        for codes in (1_000, 4_000)
    )

    assert max(many) <= max(few) < 199


@pytest.mark.parametrize("codes", [1, 2, 63, 64, 65, 66, 1_000])
@pytest.mark.parametrize("scale", [1.0, 0.1, -3.0])
def test_a_search_finds_what_a_comparison_with_each_code_finds(codes: int, scale: float) -> None:
    random = np.random.default_rng(codes)
    atoms = tuple(float(each) for each in random.permutation(codes) * np.float32(scale))
    bins = Bins("x", "category", atoms, (), (1,) * (codes + 2))
    drawn = random.choice(np.array(atoms, np.float32), 500)
    strange = np.array([np.nan, np.inf, -np.inf, -0.0, 1e30, -1e30, 0.05], np.float32)
    for values in (np.concatenate([drawn, strange]), strange, drawn[:1], drawn[:0]):
        assert count_column(bins, values).tolist() == _by_comparison(bins, values)
        positions = bin_positions(bins, values)
        assert np.bincount(positions, minlength=bins.size).tolist() == _by_comparison(bins, values)


def test_atoms_beside_intervals_are_counted_once() -> None:
    atoms = tuple(float(place) for place in range(0, 200, 2))
    bins = Bins("x", "number", atoms, (0.0, 100.0, 200.0), (1,) * 104)
    values = np.arange(0, 200, dtype=np.float32)

    assert count_column(bins, values).tolist() == [1] * 100 + [50, 50, 0, 0]


def _by_comparison(bins: Bins, values: Floats) -> list[int]:
    atoms = [int(np.count_nonzero(values == np.float32(atom))) for atom in bins.atoms]
    missing = int(np.isnan(values).sum())
    return [*atoms, len(values) - missing - sum(atoms), missing]
