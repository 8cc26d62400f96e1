"""The e-detector: its maximum likelihood by bisection, its alarm budget and delay by simulation."""

import numpy as np
import pytest

from goldenpath.drift.distance import population_stability_index
from goldenpath.drift.profile import Bins, Counts, Floats, Profile, build_profile, count
from goldenpath.drift.sequential import Detector, State, _log_best_null, drift_evidence, look
from goldenpath.drift.verdict import drift_verdict
from goldenpath.project.spec import Contract, DecisionPolicy, Feature, MonitorSettings
from tests.sizes import at_size

SETTINGS = MonitorSettings(floor_psi=0.01, false_alarms_a_year=1.0)


def _profile(features: int, rows: int = 100_000) -> Profile:
    share = rows // 10
    edges = tuple(float(i) for i in range(11))
    bins = [Bins(f"x{i}", "number", (), edges, (*[share] * 10, 0, 0)) for i in range(features)]
    score = Bins("p", "score", (), edges, (*[share] * 10, 0, 0))
    return Profile(rows, tuple(bins), score)


def _draw(random: np.random.Generator, profile: Profile, rows: int, shift: float = 0.0) -> Counts:
    """Return counts of independent rows. The first column's distribution is tilted by `shift`."""
    uniform = np.full(10, 0.1)
    tilted = uniform * np.exp(shift * np.linspace(-1.5, 1.5, 10))
    distributions = [tilted / tilted.sum(), *[uniform] * len(profile.features)]
    parts = [[*random.multinomial(rows, shares), 0, 0] for shares in distributions]
    return Counts(rows, np.concatenate(parts).astype(np.int64))


def test_the_largest_likelihood_within_the_radius_agrees_with_bisection() -> None:
    profile = _profile(0)
    random = np.random.default_rng(1)
    for radius in (0.001, 0.02, 0.3):
        detector = Detector.of(profile, MonitorSettings(floor_psi=2 * radius))
        q = detector.reference
        for _ in range(5):
            counts = random.multinomial(300, random.dirichlet(np.ones(12))).astype(float)
            low, high = 0.0, 1 - 1e-12
            for _ in range(60):
                w = (low + high) / 2
                p = (1 - w) * q + w * counts / 300
                low, high = (w, high) if np.sum(q * np.log(q / p)) <= radius else (low, w)
            best = float(np.sum(counts * np.log((1 - low) * q + low * counts / 300)))
            likelihood = float(_log_best_null(detector, counts[None])[0, 0])
            # A value below the true maximum would break the bound on false alarms.
            assert best - 1e-6 <= likelihood <= best + 1e-2


def test_without_drift_alarms_stay_within_the_budget() -> None:
    profile = _profile(5)
    detector = Detector.of(profile, MonitorSettings(floor_psi=0.0, false_alarms_a_year=4))
    random = np.random.default_rng(2)
    years, alarms = at_size(2, 6), 0
    for _ in range(years):
        state = State.fresh(profile)
        for _ in range(365):
            state, evidence = look(detector, state, _draw(random, profile, 500), "t")
            if evidence.is_alarm:
                alarms, state = alarms + 1, State.fresh(profile)

    assert alarms <= 4 * years, "a budget of four a year"


def test_a_shift_within_the_tolerance_is_not_drift_and_a_larger_one_is_detected_soon() -> None:
    profile = _profile(5)
    detector = Detector.of(profile, MonitorSettings(floor_psi=0.1, false_alarms_a_year=0.05))
    random = np.random.default_rng(3)

    def looks_until_alarm(shift: float, most: int) -> int | None:
        state = State.fresh(profile)
        for number in range(most):
            state, evidence = look(detector, state, _draw(random, profile, 500, shift), "t")
            if evidence.is_alarm:
                assert int(evidence.columns.argmax()) == 0
                return number + 1
        return None

    inside, outside = _draw(random, profile, 10**7, 0.25), _draw(random, profile, 10**7, 1.0)
    reference = np.array(profile.features[0].counts)
    assert 0.03 < population_stability_index(reference, inside.values[:12]) < 0.1
    assert population_stability_index(reference, outside.values[:12]) > 0.5
    assert looks_until_alarm(0.25, 100) is None
    delay = looks_until_alarm(1.0, 10)
    assert delay is not None and delay <= 4


def test_few_start_times_are_kept_and_their_counts_are_exact() -> None:
    profile = _profile(1)
    detector = Detector.of(profile, SETTINGS)
    random = np.random.default_rng(5)
    state, history = State.fresh(profile), []
    for number in range(300):
        history.append(_draw(random, profile, 20))
        state, _ = look(detector, state, history[-1], str(number))

    assert len(state.starts) < 50
    assert state.starts[0] < 100
    for position, start in enumerate(state.starts):
        expected = sum((c.values for c in history[start:]), np.zeros(profile.size, np.int64))
        assert np.array_equal(state.counts[position], expected)
        assert state.times[position] == str(start)


def test_before_the_first_look_the_answer_is_too_few_rows() -> None:
    profile = _profile(2)
    detector = Detector.of(profile, SETTINGS)

    verdict = drift_verdict(detector, State.fresh(profile))

    assert verdict.answer == "too few rows"
    assert not drift_evidence(detector, State.fresh(profile)).is_alarm


def test_no_drift_seen_names_the_size_that_would_have_been_seen() -> None:
    profile = _profile(2)
    detector = Detector.of(profile, SETTINGS)
    random = np.random.default_rng(6)
    state, _ = look(detector, State.fresh(profile), _draw(random, profile, 50_000), "t")

    verdict = drift_verdict(detector, state)

    assert verdict.answer == "no drift seen"
    assert "PSI 0.0" in verdict.sentence


def _status(random: np.random.Generator, rows: int, share_of_new: float) -> Floats:
    usual = random.choice([-1.0, 0.0, 2.0], rows, p=[0.3, 0.6, 0.1])
    return np.where(random.random(rows) < share_of_new, 1.0, usual)[:, None].astype(np.float32)


def test_a_new_code_is_reported_as_drift_with_its_onset_and_step() -> None:
    contract = Contract(
        "m", (Feature("status", "number"),), "p", DecisionPolicy(()), MonitorSettings()
    )
    random = np.random.default_rng(7)
    reference, scores = _status(random, 20_000, 0.0), random.random(20_000)
    profile = build_profile(contract, {"status": reference[:, 0]}, scores)
    detector = Detector.of(profile, MonitorSettings(floor_psi=0.1, false_alarms_a_year=0.05))
    state = State.fresh(profile)
    for number in range(12):
        rows = _status(random, 500, 0.12 if number >= 8 else 0.0)
        counts = count(profile, rows, random.random(500).astype(np.float32))
        state, evidence = look(detector, state, counts, f"look {number}")
        assert evidence.is_alarm <= (number >= 8)

    verdict = drift_verdict(detector, state)

    assert verdict.answer == "drift"
    first = verdict.columns[0]
    assert (first.name, first.since, first.new_values) == ("status", "look 8", ("unseen",))
    assert first.psi is not None and first.psi.low > 0.1
    assert first.step is not None and first.step > 0.1
    assert [c.name for c in verdict.columns if c.is_drifting] == ["status"]
    assert "status" in verdict.sentence


def test_a_design_effect_lowers_the_evidence_of_the_same_counts() -> None:
    random = np.random.default_rng(8)
    plain = _profile(1)
    dependent = Profile(plain.rows, plain.features, plain.score, design_effect=4.0)
    counts = _draw(random, plain, 5000, 0.5)

    weights = []
    for profile in (plain, dependent):
        detector = Detector.of(profile, SETTINGS)
        weights.append(look(detector, State.fresh(profile), counts, "t")[1].columns[0])

    assert weights[1] == pytest.approx(weights[0] / 4, rel=0.35)
