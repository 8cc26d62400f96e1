"""Gates over measurements. What counts is the end of the 95 % interval that speaks against us.

A point estimate that passes says little; an interval that passes says that the next sample would.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import permutations

from goldenpath.attest.evidence import Evaluation, evaluation_of
from goldenpath.attest.policy import Finding
from goldenpath.errors import InvalidInput
from goldenpath.promote.declared import (
    FairnessLimit,
    Limit,
    Limits,
    declared_limits,
    protected_columns,
)
from goldenpath.promote.gate import Evidence
from goldenpath.promote.platform import Stage
from goldenpath.train.record import Metric

CALIBRATION = "expected_calibration_error"
MAX_CALIBRATION = 0.05
"""Where the thresholds name no limit of their own."""
BUILD = "improve the model and build again"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Every limit of `compliance/thresholds.yaml` is met by the whole interval."""

    name: str = "thresholds"

    def judge(self, evidence: Evidence, stage: Stage, now: datetime) -> Finding:
        """Reports each missed limit, or the smallest margin."""
        read = read_evaluation(self.name, evidence)
        if isinstance(read, Finding):
            return read
        limits, evaluation = read
        margins = {
            limit: margin_of(limit, metric_of(evaluation.metrics, limit.metric, limit.slice))
            for limit in limits.metrics
        }
        failed = [missed(limit, margin) for limit, margin in margins.items() if not margin >= 0]
        if failed:
            return Finding(self.name, "fail", "; ".join(failed), BUILD)
        closest = min(margins, key=lambda limit: margins[limit])
        return Finding(
            self.name,
            "pass",
            f"{len(margins)} limits hold; {closest.metric} is closest, "
            f"{margins[closest]:.4f} inside",
        )


@dataclass(frozen=True, slots=True)
class ThresholdOrder:
    """The limits were committed before the run that they judge, and are the ones it used."""

    name: str = "threshold-order"

    def judge(self, evidence: Evidence, stage: Stage, now: datetime) -> Finding:
        """Compares times and digests."""
        read = read_evaluation(self.name, evidence)
        if isinstance(read, Finding):
            return read
        limits, evaluation = read
        cure = "commit the limits first, then build"
        if evaluation.thresholds_digest != limits.digest.text:
            return Finding(self.name, "fail", "the run used other limits than it carries", cure)
        committed = _moment(evaluation.thresholds_committed_at)
        started = _moment(evaluation.started_at)
        if committed is None or started is None or committed >= started:
            return Finding(
                self.name,
                "fail",
                f"limits committed {evaluation.thresholds_committed_at or 'never'}, "
                f"run started {evaluation.started_at}",
                cure,
            )
        minutes = (started - committed).total_seconds() / 60
        return Finding(self.name, "pass", f"committed {minutes:.1f} minutes before the run")


@dataclass(frozen=True, slots=True)
class Calibration:
    """A score of 0.2 means two of ten."""

    name: str = "calibration"

    def judge(self, evidence: Evidence, stage: Stage, now: datetime) -> Finding:
        """Looks at the upper end of the calibration error."""
        read = read_evaluation(self.name, evidence)
        if isinstance(read, Finding):
            return read
        limits, evaluation = read
        metric = metric_of(evaluation.metrics, CALIBRATION)
        if metric is None:
            return Finding(self.name, "not applicable", "calibration was not measured")
        declared = [limit.maximum for limit in limits.metrics if limit.metric == CALIBRATION]
        maximum = next((each for each in declared if each is not None), MAX_CALIBRATION)
        margin = margin_of(Limit(CALIBRATION, None, maximum), metric)
        if not margin >= 0:
            return Finding(
                self.name, "fail", missed(Limit(CALIBRATION, None, maximum), margin), BUILD
            )
        return Finding(self.name, "pass", f"calibration error is {margin:.4f} inside {maximum:g}")


@dataclass(frozen=True, slots=True)
class Fairness:
    """A rate differs between groups by no more than declared."""

    name: str = "fairness"

    def judge(self, evidence: Evidence, stage: Stage, now: datetime) -> Finding:
        """Takes the worst pair of groups, each at the end of its interval that is against us."""
        read = read_evaluation(self.name, evidence)
        if isinstance(read, Finding):
            return read
        limits, evaluation = read
        if limits.fairness is None:
            return Finding(self.name, "not applicable", "no limit of fairness is declared")
        columns = protected_columns(evidence.documents)
        groups, small = _groups(evaluation.metrics, limits.fairness, columns)
        worst = min(_ratios(groups), default=None)
        if worst is None:
            return Finding(self.name, "not applicable", "no two groups have enough rows" + small)
        ratio, low, high = worst
        said = f"{limits.fairness.metric} of {low} is at least {ratio:.3f} of {high}" + small
        margin = ratio - limits.fairness.minimum_ratio
        if not margin >= 0:
            return Finding(self.name, "fail", f"{said}, {-margin:.3f} too low", BUILD)
        return Finding(self.name, "pass", f"{said}, {margin:.3f} inside")


def read_evaluation(gate: str, evidence: Evidence) -> tuple[Limits, Evaluation] | Finding:
    """Limits and measurements, or the finding that there are none."""
    evaluation = evaluation_of(evidence.verified)
    if evaluation is None:
        return Finding(gate, "fail", "no evaluation counts", "build the release again")
    try:
        return declared_limits(evidence.documents), evaluation
    except InvalidInput as error:
        return Finding(
            gate, "fail", error.message, "repair compliance/thresholds.yaml and build again"
        )


def metric_of(metrics: Sequence[Metric], name: str, of: str = "") -> Metric | None:
    """The metric of that name and slice; None if it was not measured."""
    return next((each for each in metrics if each.name == name and each.slice == of), None)


def margin_of(limit: Limit, metric: Metric | None) -> float:
    """How far the whole interval is inside the limit; NaN where that cannot be said."""
    if metric is None or metric.low is None or metric.high is None:
        return math.nan
    inside = [math.inf]
    if limit.minimum is not None:
        inside.append(metric.low - limit.minimum)
    if limit.maximum is not None:
        inside.append(limit.maximum - metric.high)
    return math.nan if any(math.isnan(each) for each in inside) else min(inside)


def missed(limit: Limit, margin: float) -> str:
    """What to say of a limit that is not met."""
    what = f"{limit.metric} {limit.slice}".strip()
    if math.isnan(margin):
        return f"{what} was not measured, or on too few rows for an interval"
    bound = f"{limit.minimum:g}" if limit.minimum is not None else f"{limit.maximum:g}"
    return f"{what} misses {bound} by {-margin:.4f} at the end of its interval"


def _groups(
    metrics: Sequence[Metric], limit: FairnessLimit, columns: tuple[str, ...] | None
) -> tuple[Mapping[str, list[Metric]], str]:
    """Groups with enough rows by column, and a remark on those without."""
    groups: dict[str, list[Metric]] = {}
    small: list[str] = []
    for metric in metrics:
        column, _, _ = metric.slice.partition("=")
        if metric.name != limit.metric or not metric.slice:
            continue
        if columns is not None and column not in columns:
            continue
        if metric.rows < limit.minimum_rows or metric.low is None or metric.high is None:
            small.append(metric.slice)
        else:
            groups.setdefault(column, []).append(metric)
    return groups, f" (too small to say: {', '.join(small)})" if small else ""


def _ratios(groups: Mapping[str, list[Metric]]) -> Iterator[tuple[float, str, str]]:
    for members in groups.values():
        for one, other in permutations(members, 2):
            low, high = one.low or 0.0, other.high or 0.0
            yield (low / high if high > 0 else 1.0), one.slice, other.slice


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
