"""The checks of a training that compare what it wrote with what the packaged model does."""

from collections.abc import Sequence

import numpy as np

from goldenpath.drift.dependence import FEWEST_PERIODS
from goldenpath.drift.reference_profile import ReferenceTimes
from goldenpath.drift.seasons import days
from goldenpath.drift.sequential import SNAPSHOT_FLOOR
from goldenpath.project.spec import EVALUATION, REFERENCE, Project
from goldenpath.train.evaluation.evaluate import KEY, TIME, Evaluation
from goldenpath.train.training_run import EQUALITY, LEAKAGE, Check

MAX_SKEW = 1e-4
"""Largest difference between the scores of training and packaged model that rounding explains."""


def evaluation_checks(evaluation: Evaluation, project: Project) -> tuple[Check, ...]:
    """Return the checks that need the scores of the packaged model, in a fixed order."""
    is_given = project.training.given is not None
    return (
        equality_check((evaluation.largest_skew,) if evaluation.is_compared else ()),
        # Rows that a model was trained on elsewhere are not known here, so nothing is claimed.
        *(() if is_given else (_leakage(evaluation),)),
        # A statement, not a demand: an overfitted model may still be the better one.
        Check("scores of unseen rows", True, evaluation.score_difference.sentence, 0.0),
        Check("days of the reference", True, known_days(evaluation.reference.times), 0.0),
    )


def smoke_check(seconds: float, project: Project) -> Check:
    """Return the check that the training, or the given model, worked on a sample."""
    detail = "succeeded on a sample"
    if project.training.given is not None:
        detail = "nothing was trained: the model was given, with a sample of its rows"
    return Check("smoke training", True, detail, round(seconds, 3))


def equality_check(skews: Sequence[float]) -> Check:
    """Return the check that training and packaged model give the same scores.

    `skews` are the largest differences of each table; none if a model was given without scores.
    """
    skew = max(skews, default=0.0)
    detail = (
        f"scores of training and packaged model differ by at most {skew:.2g}, allowed {MAX_SKEW:g}"
    )
    if not skews:
        detail = "the given model is packed as it is; no scores of another run were given"
    return Check(EQUALITY, skew <= MAX_SKEW, detail, 0.0)


def known_days(times: ReferenceTimes | None) -> str:
    """Return whether the drift monitor will know the days of the reference, and what is lost."""
    if times is None:
        lost = f"{REFERENCE} and {EVALUATION} have no column {TIME!r} each"
    else:
        number = len(np.unique(days(times.features)))
        if number >= FEWEST_PERIODS:
            return f"known: {number} days, so drift is measured against their usual change"
        lost = f"the rows are from {number} days, and {FEWEST_PERIODS} are needed"
    return (
        f"unknown: {lost}. The drift monitor knows no weekday, no hour and no usual change from "
        f"day to day, so shifts up to PSI {SNAPSHOT_FLOOR:g} count as usual"
    )


def _leakage(evaluation: Evaluation) -> Check:
    shared, repeated = evaluation.shared_keys, evaluation.repeated_keys
    if shared is None:
        detail = f"cannot be checked: {REFERENCE} has no column {KEY!r}"
        return Check(LEAKAGE, False, detail, 0.0)
    detail = f"{shared} keys are in both the training rows and the evaluation rows"
    detail += f"; {repeated} training rows repeat a key, no evaluation row does"
    return Check(LEAKAGE, shared == 0, detail, 0.0)
