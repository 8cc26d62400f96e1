"""How many decisions a drift changes: rank by rank, with an interval, and never from a few."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from goldenpath.audit.alarms.decision_effect import decision_effect
from goldenpath.drift.profile import Floats
from goldenpath.home import Home
from goldenpath.observe.drift.decision_shift import (
    FEWEST,
    DecisionShift,
    decision_shift,
    shift_of,
)
from goldenpath.observe.log.prediction_log import PredictionLog
from goldenpath.observe.log.spool_tail import Tail
from goldenpath.observe.log.subject_keys import Subjects
from goldenpath.release.attest.keys import PemSigner, generate_key
from tests.observe.spooling import DIGEST, FACTS, START, answer, draw, spool_path, write_spool

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
DEPLOYMENT = ("prod", "credit", DIGEST)


def decided(accept: int, refer: int, decline: int) -> dict[str, Floats]:
    """Decisions whose scores are in the order of their bands."""
    made = {"accept": (accept, 0.1), "refer": (refer, 0.4), "decline": (decline, 0.8)}
    return {
        name: np.full(count, score, np.float32) for name, (count, score) in made.items() if count
    }


@pytest.mark.parametrize(
    ("before", "since", "share"),
    [
        ((800, 100, 100), (800, 100, 100), 0.0),
        ((800, 100, 100), (400, 50, 50), 0.0),
        ((800, 100, 100), (700, 200, 100), 0.1),
        # Everybody moves one band up: a tenth leaves each of two bands.
        ((800, 100, 100), (700, 100, 200), 0.2),
        ((1000, 0, 0), (0, 0, 1000), 1.0),
        ((500, 0, 500), (0, 1000, 0), 1.0),
    ],
)
def test_ranks_with_another_outcome_are_counted(
    before: tuple[int, int, int], since: tuple[int, int, int], share: float
) -> None:
    shift = shift_of(decided(*before), decided(*since))

    assert shift.differing == pytest.approx(share)
    assert shift.low <= share <= shift.high


def test_the_interval_covers_no_change_when_nothing_changed() -> None:
    random, covered = np.random.default_rng(1), 0
    for _ in range(300):
        sides = [decided(*random.multinomial(500, (0.7, 0.2, 0.1))) for _ in range(2)]
        covered += shift_of(*sides).low == 0.0

    assert covered >= 0.95 * 300


def test_a_few_decisions_say_nothing_about_how_many_differ() -> None:
    enough, few = decided(FEWEST, 0, 0), decided(FEWEST - 1, 0, 0)

    for before, since in ((few, enough), (enough, few), ({}, enough)):
        shift = shift_of(before, since)
        assert shift.differing is None
        assert "is not known" in shift.sentence
    assert shift_of(enough, enough).differing == 0.0


def test_outcomes_stand_in_the_order_of_their_scores_and_missing_ones_last() -> None:
    nothing = {"fallback": np.full(50, np.nan, np.float32)}
    shift = shift_of({**decided(100, 20, 30), **nothing}, decided(100, 20, 30))

    assert [each.outcome for each in shift.outcomes] == ["accept", "refer", "decline", "fallback"]
    assert shift.outcomes[-1].score_before is None
    assert shift.parts[0].endswith("(median score 0.100, before 0.100)")


def sealed(folder: Path, before: int, since: int, *, step: float) -> tuple[Home, datetime]:
    """A log in which scores are higher from a moment on, and that moment."""
    home = Home(folder)
    generate_key(home.log_key)
    rows = np.concatenate([draw(before, 1), draw(since, 2)])
    rows[before:, 0] += step
    answered = [answer(place, rows[place : place + 1]) for place in range(len(rows))]
    write_spool(spool_path(home.spool), answered)
    subjects = Subjects(home.keys)
    signer = PemSigner.load(home.log_key)
    log = PredictionLog(home.predictions, subjects, signer, lambda digest: FACTS)
    tail = Tail(home.spool, log.resume, pytest.fail)
    for batch in tail.batches():
        log.add(batch, 0.0)
        log.seal(batch.path, NOW)
        tail.forget(batch.path)
    subjects.close()
    onset = datetime.fromtimestamp(START / 1e9, UTC) + timedelta(milliseconds=before)
    return home, onset


def test_the_log_says_how_many_decisions_moved_since_the_onset(tmp_path: Path) -> None:
    home, onset = sealed(tmp_path, 300, 300, step=30.0)
    end = onset + timedelta(hours=1)

    shift = decision_shift(home.predictions, DEPLOYMENT, onset, end)
    text = decision_effect(home.predictions, DEPLOYMENT, onset, end)

    assert shift is not None and (shift.before, shift.since) == (300, 300)
    assert shift.differing is not None and shift.low > 0.1
    assert text.startswith(f"about {round(shift.differing * 300)} of 300 decisions since then")
    assert "decline" in text and "median score" in text


def test_without_decisions_since_then_nothing_is_said(tmp_path: Path) -> None:
    home, onset = sealed(tmp_path, 5, 5, step=0.0)
    later = onset + timedelta(days=1)

    assert decision_shift(home.predictions, DEPLOYMENT, later, later) is None
    assert decision_effect(home.predictions, ("prod", "other", DIGEST), onset, later) == ""
    assert isinstance(decision_shift(home.predictions, DEPLOYMENT, onset, later), DecisionShift)
