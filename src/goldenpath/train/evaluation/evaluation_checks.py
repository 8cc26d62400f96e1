"""The checks of a training that compare what it wrote with what the packaged model does."""

from goldenpath.project.spec import REFERENCE
from goldenpath.train.evaluation.evaluate import KEY, Evaluation
from goldenpath.train.training_run import Check

MAX_SKEW = 1e-4
"""Largest difference between the scores of training and packaged model that rounding explains."""


def evaluation_checks(evaluation: Evaluation) -> tuple[Check, ...]:
    """Return the checks that need the scores of the packaged model, in a fixed order."""
    skew = evaluation.largest_skew
    return (
        Check(
            "equality of the export",
            skew <= MAX_SKEW,
            f"scores of training and packaged model differ by at most {skew:.2g}, "
            f"allowed {MAX_SKEW:g}",
            0.0,
        ),
        _leakage(evaluation),
        # A statement, not a demand: an overfitted model may still be the better one.
        Check("scores of unseen rows", True, evaluation.score_difference.sentence, 0.0),
    )


def _leakage(evaluation: Evaluation) -> Check:
    shared, repeated = evaluation.shared_keys, evaluation.repeated_keys
    if shared is None:
        detail = f"cannot be checked: {REFERENCE} has no column {KEY!r}"
        return Check("no leakage", False, detail, 0.0)
    detail = f"{shared} keys are in both the training rows and the evaluation rows"
    detail += f"; {repeated} training rows repeat a key, no evaluation row does"
    return Check("no leakage", shared == 0, detail, 0.0)
