"""The champion gate: the release is not worse than the live one by more than a margin."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from goldenpath.project.statements import THRESHOLDS
from goldenpath.promote.gates.declared_limits import DeclaredLimits, Limit
from goldenpath.promote.gates.gate import Evidence, Live
from goldenpath.promote.gates.measured import (
    AGAIN,
    does_not_apply,
    fails,
    margin_of,
    metric_of,
    passes,
)
from goldenpath.release.attest.policy import Finding
from goldenpath.release.evidence.training_statements import EvaluationStatement
from goldenpath.train.training_run import Metric

if TYPE_CHECKING:
    from goldenpath.train.evaluation.paired import PairedDifference

MARGIN = 0.03
"""How much worse a challenger may be at most: on the scale of the metric, or as a share of the live
one for errors in the unit of a value."""
IN_UNITS = frozenset({"mean_absolute_error", "root_mean_squared_error", "mean_poisson_deviance"})
"""Metrics without a scale of their own."""
SHARED = 0.5
"""The share of the challenger's rows that the champion must have been evaluated on too."""
_ONE_SIDED = 1.6449
_WIDTH = 2 * 1.9600


def champion(
    limits: DeclaredLimits, evaluation: EvaluationStatement, evidence: Evidence
) -> Finding:
    """Judge whether the release is not worse than the live one by more than a margin.

    This is a one-sided test of non-inferiority at 95 %. It uses the lower bound of the difference
    in the first metric of the thresholds, paired row by row if both releases have their rows.
    """
    live = evidence.live
    if live is None:
        return does_not_apply("nothing is live in the stage yet")
    if live.digest == evidence.digest:
        return does_not_apply("the release itself is live")
    limit = limits.metrics[0]
    difference = _paired(limit.metric, evidence, live)
    method = f"paired on {difference.rows} rows" if difference is not None else "unpaired"
    if difference is None:
        difference = _unpaired(
            metric_of(evaluation.metrics, limit.metric), metric_of(live.metrics, limit.metric)
        )
    if difference is None:
        return _incomparable(limit.metric, evaluation.metrics, live)
    # A metric with a maximum, such as a loss, is better when it is smaller.
    better = difference.value if limit.minimum is not None else -difference.value
    bound = better - _ONE_SIDED * difference.error
    margin = MARGIN
    if limit.metric in IN_UNITS:
        measured = metric_of(live.metrics, limit.metric)
        margin = MARGIN * abs(measured.value) if measured is not None else math.nan
    message = f"{limit.metric} is at most {max(-bound, 0.0):.4f} worse than live ({method})"
    if not bound >= -margin:
        return fails(f"{message}, {-bound - margin:.4f} too much")
    return passes(f"{message}, {bound + margin:.4f} inside")


def _incomparable(metric: str, metrics: Sequence[Metric], live: Live) -> Finding:
    """Return the finding for a difference that is not known, with the cure for its cause."""
    if metric_of(metrics, metric) is None:
        return fails(
            f"{metric} was not measured",
            f"make the first limit in {THRESHOLDS} one of a measured metric; {AGAIN}",
        )
    own = margin_of(Limit(metric, None, None), metric_of(metrics, metric))
    if math.isnan(own):
        return fails(
            f"{metric} was measured on too few rows for an interval",
            "evaluate on more rows and build again",
        )
    return fails(
        f"the live release {live.digest.short} has no interval of {metric}",
        "waive this gate once: the next release can be compared with this one",
    )


def _paired(metric: str, evidence: Evidence, live: Live) -> "PairedDifference | None":
    """Return the difference on the shared rows; None if there are too few."""
    new, old = evidence.rows, live.rows
    if new is None or old is None:
        return None
    # Imported late: most verbs compare with no champion, and numpy takes a tenth of a second.
    import numpy as np

    from goldenpath.project.task.answer_rules import AnswerRules
    from goldenpath.train.evaluation.metrics import MIN_ROWS
    from goldenpath.train.evaluation.paired import PairedRows, paired_difference

    if np.array_equal(new.keys, old.keys):
        in_new = in_old = np.arange(len(new))
    else:
        _, in_new, in_old = np.intersect1d(
            new.keys, old.keys, assume_unique=True, return_indices=True
        )
    same = new.target[in_new] == old.target[in_old]
    in_new, in_old = in_new[same], in_old[same]
    if len(in_new) < max(MIN_ROWS, SHARED * len(new)):
        return None
    before, after = old.score[in_old], new.score[in_new]
    if before.shape != after.shape:
        return None  # a model with other classes: the schema gate says so
    decisions = (
        AnswerRules(live.contract).is_accepted(before),
        AnswerRules(evidence.contract).is_accepted(after),
    )
    pair = PairedRows(evidence.contract, new.target[in_new], before, after)
    return paired_difference(metric, pair, accepted=decisions)


def _unpaired(new: Metric | None, old: Metric | None) -> "PairedDifference | None":
    """Return the difference of two intervals; their errors add up as if independent."""
    if new is None or old is None:
        return None
    if new.low is None or new.high is None or old.low is None or old.high is None:
        return None
    from goldenpath.train.evaluation.paired import PairedDifference

    error = math.hypot((new.high - new.low) / _WIDTH, (old.high - old.low) / _WIDTH)
    return PairedDifference(new.value - old.value, error, min(new.rows, old.rows))
