"""Challenger against champion: not worse by more than a margin, on the same rows if possible."""

import math

import numpy as np

from goldenpath.promote.gates.declared_limits import DeclaredLimits
from goldenpath.promote.gates.gate import Evidence, Live
from goldenpath.promote.gates.measured import does_not_apply, fails, metric_of, passes
from goldenpath.release.attest.policy import Finding
from goldenpath.release.evidence.training_statements import EvaluationStatement
from goldenpath.train.evaluation.decision_bands import accepted
from goldenpath.train.evaluation.metrics import MIN_ROWS
from goldenpath.train.evaluation.paired import PairedDifference, paired_difference
from goldenpath.train.training_run import Metric

MARGIN = 0.03
"""By how much a challenger may be worse at most, on the scale of the metric."""
SHARED = 0.5
"""Share of the challenger's rows that the champion has to have been evaluated on as well."""
_ONE_SIDED = 1.6449
_WIDTH = 2 * 1.9600


def champion(
    limits: DeclaredLimits, evaluation: EvaluationStatement, evidence: Evidence
) -> Finding:
    """The release is not worse than the live one by more than a margin.

    A test of non-inferiority at one-sided 95 %: the lower bound of the difference in the first
    metric of the thresholds, paired row by row where both releases brought their rows.
    """
    live = evidence.live
    if live is None:
        return does_not_apply("nothing is live in the stage yet")
    if live.digest == evidence.digest:
        return does_not_apply("the release itself is live")
    limit = limits.metrics[0]
    difference = _paired(limit.metric, evidence, live)
    how = f"paired on {difference.rows} rows" if difference is not None else "unpaired"
    if difference is None:
        difference = _unpaired(
            metric_of(evaluation.metrics, limit.metric), metric_of(live.metrics, limit.metric)
        )
    if difference is None:
        return fails(f"{limit.metric} has no interval on both releases")
    better = difference.value if limit.minimum is not None else -difference.value
    bound = better - _ONE_SIDED * difference.error
    said = f"{limit.metric} is at most {max(-bound, 0.0):.4f} worse than live ({how})"
    if not bound >= -MARGIN:
        return fails(f"{said}, {-bound - MARGIN:.4f} too much")
    return passes(f"{said}, {bound + MARGIN:.4f} inside")


def _paired(metric: str, evidence: Evidence, live: Live) -> PairedDifference | None:
    """The difference on the rows of both; None if there are too few."""
    new, old = evidence.rows, live.rows
    if new is None or old is None:
        return None
    if np.array_equal(new.keys, old.keys):
        here = there = np.arange(len(new))
    else:
        _, here, there = np.intersect1d(new.keys, old.keys, assume_unique=True, return_indices=True)
    same = new.target[here] == old.target[there]
    here, there = here[same], there[same]
    if len(here) < max(MIN_ROWS, SHARED * len(new)):
        return None
    before, after = old.score[there], new.score[here]
    taken = (
        accepted(live.contract.decision, before),
        accepted(evidence.contract.decision, after),
    )
    return paired_difference(metric, new.target[here], before, after, accepted=taken)


def _unpaired(new: Metric | None, old: Metric | None) -> PairedDifference | None:
    """The difference of two intervals; errors of both add up, as if independent."""
    if new is None or old is None:
        return None
    if new.low is None or new.high is None or old.low is None or old.high is None:
        return None
    error = math.hypot((new.high - new.low) / _WIDTH, (old.high - old.low) / _WIDTH)
    return PairedDifference(new.value - old.value, error, min(new.rows, old.rows))
