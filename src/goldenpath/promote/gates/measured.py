"""Gates over measurements. Each compares the worse end of the 95 % interval with the limit.

A point estimate inside a limit can be chance. If the whole interval is inside, the limit holds with
the confidence of the interval.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import permutations

from goldenpath.errors import InvalidInput
from goldenpath.project.statements import THRESHOLDS
from goldenpath.promote.gates.declared_limits import (
    DeclaredLimits,
    FairnessLimit,
    Limit,
    declared_limits,
    protected_columns,
)
from goldenpath.promote.gates.gate import Evidence
from goldenpath.promote.platform.platform import Stage
from goldenpath.release.attest.policy import Finding
from goldenpath.release.evidence.training_statements import EvaluationStatement, evaluation_of
from goldenpath.train.training_run import Metric

CALIBRATION = "expected_calibration_error"
MAX_CALIBRATION = 0.05
"""The limit if the thresholds do not declare one."""
ROBUSTNESS = "robustness_"
ROBUSTNESS_LIMITS = (Limit("robustness_noise", None, 0.1),)
"""The limits if the thresholds do not declare any."""
BUILD = "improve the model and build again"
AGAIN = "commit the change and build again"
_NEEDS = {
    "robustness_flip": "declare with mutable = true which features people can change",
    "robustness_missing": "declare with missing = true which features may be missing",
}
"""What `goldenpath.toml` needs before a metric can be measured."""
_MOST_NAMED = 12

Weigh = Callable[[DeclaredLimits, EvaluationStatement, Evidence], Finding]
"""Judges an evaluation against the declared limits."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A gate over measurements. It is closed if limits or measurements are missing."""

    name: str
    weigh: Weigh

    def judge(self, evidence: Evidence, stage: Stage, now: datetime) -> Finding:
        """Read the evaluation and the limits, and judge them with `weigh`."""
        evaluation = evaluation_of(evidence.verified)
        if evaluation is None:
            return Finding(
                self.name, "fail", "it has no valid evaluation", "build the release again"
            )
        try:
            limits = declared_limits(evidence.documents)
        except InvalidInput as error:
            cure = f"correct {THRESHOLDS}; {AGAIN}"
            return Finding(self.name, "fail", error.message, cure)
        return replace(self.weigh(limits, evaluation, evidence), check=self.name)


def passes(message: str) -> Finding:
    """Return the finding of an open gate; `Measured` adds the gate's name."""
    return Finding("", "pass", message)


def fails(message: str, cure: str = BUILD) -> Finding:
    """Return the finding of a closed gate; `Measured` adds the gate's name."""
    return Finding("", "fail", message, cure)


def does_not_apply(message: str) -> Finding:
    """Return the finding of a gate with nothing to judge; `Measured` adds the gate's name."""
    return Finding("", "not applicable", message)


def thresholds(
    limits: DeclaredLimits, evaluation: EvaluationStatement, evidence: Evidence
) -> Finding:
    """Judge whether the whole interval of each metric is inside its limit in the thresholds."""
    margins = _margins(limits.metrics, evaluation)
    if any(not margin >= 0 for margin in margins.values()):
        return _fails_limits(margins, evaluation.metrics)
    closest = min(margins, key=lambda limit: margins[limit])
    inside = f"{margins[closest]:.4f} inside"
    return passes(f"{len(margins)} limits hold; {closest.metric} is closest, {inside}")


def threshold_order(
    limits: DeclaredLimits, evaluation: EvaluationStatement, evidence: Evidence
) -> Finding:
    """Judge whether the limits were committed before the run, and are those that it used."""
    cure = "commit the limits first, then build"
    if evaluation.thresholds_digest != limits.digest.text:
        return fails("the run used other limits than those in the release", cure)
    committed = _moment(evaluation.thresholds_committed_at)
    started = _moment(evaluation.started_at)
    if committed is None or started is None or committed >= started:
        when = evaluation.thresholds_committed_at or "never"
        return fails(f"limits committed {when}, run started {evaluation.started_at}", cure)
    minutes = (started - committed).total_seconds() / 60
    return passes(f"committed {minutes:.1f} minutes before the run")


def calibration(
    limits: DeclaredLimits, evaluation: EvaluationStatement, evidence: Evidence
) -> Finding:
    """Judge whether the upper end of the calibration error is below its limit.

    In a calibrated model a score of 0.2 means two cases of ten.
    """
    metric = metric_of(evaluation.metrics, CALIBRATION)
    if metric is None:
        return does_not_apply("calibration was not measured")
    declared = [limit.maximum for limit in limits.metrics if limit.metric == CALIBRATION]
    maximum = next((each for each in declared if each is not None), MAX_CALIBRATION)
    limit = Limit(CALIBRATION, None, maximum)
    margin = margin_of(limit, metric)
    if not margin >= 0:
        return _fails_limits({limit: margin}, evaluation.metrics)
    return passes(f"calibration error is {margin:.4f} inside {maximum:g}")


def fairness(
    limits: DeclaredLimits, evaluation: EvaluationStatement, evidence: Evidence
) -> Finding:
    """Judge whether a rate differs between groups by no more than declared.

    It compares the worst pair of groups, each at the worse end of its interval.
    """
    limit = limits.fairness
    if limit is None:
        return does_not_apply("no fairness limit is declared")
    columns = protected_columns(evidence.documents)
    groups, small = _groups(evaluation.metrics, limit, columns)
    worst = min(_ratios(groups), default=None)
    if worst is None:
        return does_not_apply("no two groups have enough rows" + small)
    ratio, low, high = worst
    message = f"{limit.metric} of {low} is at least {ratio:.3f} of {high}" + small
    margin = ratio - limit.minimum_ratio
    if not margin >= 0:
        return fails(f"{message}, {-margin:.3f} too low")
    return passes(f"{message}, {margin:.3f} inside")


def robustness(
    limits: DeclaredLimits, evaluation: EvaluationStatement, evidence: Evidence
) -> Finding:
    """Judge whether few decisions change by noise, a missing value or one mutable feature.

    It compares the upper end of each interval. A metric without a limit is only reported.
    """
    declared = [limit for limit in limits.metrics if limit.metric.startswith(ROBUSTNESS)]
    named = {limit.metric for limit in declared}
    measured = {m.name for m in evaluation.metrics if m.name.startswith(ROBUSTNESS)}
    declared += [each for each in ROBUSTNESS_LIMITS if each.metric in measured - named]
    if not measured and not declared:
        return does_not_apply("robustness was not measured")
    margins = _margins(declared, evaluation)
    free = ", ".join(sorted(measured - {limit.metric for limit in declared}))
    remark = f"; without a limit: {free}" if free else ""
    if any(not margin >= 0 for margin in margins.values()):
        return _fails_limits(margins, evaluation.metrics, remark)
    message = ", ".join(f"{limit.metric} {margin:.3f} inside" for limit, margin in margins.items())
    return passes(message + remark)


def metric_of(metrics: Sequence[Metric], name: str, of: str = "") -> Metric | None:
    """Return the metric of that name and slice; None if it was not measured."""
    return next((each for each in metrics if each.name == name and each.slice == of), None)


def margin_of(limit: Limit, metric: Metric | None) -> float:
    """Return how far the whole interval is inside the limit; NaN if that is not known."""
    if metric is None or metric.low is None or metric.high is None:
        return math.nan
    # A limit without any bound is met; the file is refused before if it has one.
    inside = [math.inf]
    if limit.minimum is not None:
        inside.append(metric.low - limit.minimum)
    if limit.maximum is not None:
        inside.append(limit.maximum - metric.high)
    return math.nan if any(math.isnan(each) for each in inside) else min(inside)


def _margins(limits: Sequence[Limit], evaluation: EvaluationStatement) -> Mapping[Limit, float]:
    return {
        limit: margin_of(limit, metric_of(evaluation.metrics, limit.metric, limit.slice))
        for limit in limits
    }


def _fails_limits(
    margins: Mapping[Limit, float], metrics: Sequence[Metric], remark: str = ""
) -> Finding:
    """Return the finding for limits that are not all met, with the cure for each kind of failure.

    A better model does not help where nothing was measured.
    """
    missed = [(limit, margin) for limit, margin in margins.items() if not margin >= 0]
    pairs = [_missed(limit, margin, metrics) for limit, margin in missed]
    messages, cures = zip(*pairs, strict=True)
    return fails("; ".join(messages) + remark, "; ".join(dict.fromkeys(cures)))


def _missed(limit: Limit, margin: float, metrics: Sequence[Metric]) -> tuple[str, str]:
    """Return the message for a limit that is not met, and the cure."""
    what = f"{limit.metric} {limit.slice}".strip()
    if metric_of(metrics, limit.metric, limit.slice) is None:
        cure = _NEEDS.get(limit.metric) or _measured_names(limit, metrics)
        return f"{what} was not measured", f"{cure}, or remove the limit from {THRESHOLDS}; {AGAIN}"
    if math.isnan(margin):
        return (
            f"{what} was measured on too few rows for an interval",
            f"evaluate on more rows, or remove the limit from {THRESHOLDS}; {AGAIN}",
        )
    bound = f"{limit.minimum:g}" if limit.minimum is not None else f"{limit.maximum:g}"
    return f"{what} misses {bound} by {-margin:.4f} at the end of its interval", BUILD


def _measured_names(limit: Limit, metrics: Sequence[Metric]) -> str:
    names = sorted({each.name for each in metrics})
    slices = sorted({each.slice for each in metrics if each.name == limit.metric and each.slice})
    what, known = ("slice", slices) if limit.metric in names else ("metric", names)
    return f"name a {what} that is measured ({', '.join(known[:_MOST_NAMED]) or 'none is'})"


def _groups(
    metrics: Sequence[Metric], limit: FairnessLimit, columns: tuple[str, ...] | None
) -> tuple[Mapping[str, list[Metric]], str]:
    """Return the groups with enough rows by column, and a remark on the others."""
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
    return groups, f" (too few rows to judge: {', '.join(small)})" if small else ""


def _ratios(groups: Mapping[str, list[Metric]]) -> Iterator[tuple[float, str, str]]:
    for members in groups.values():
        for one, other in permutations(members, 2):
            low, high = one.low or 0.0, other.high or 0.0
            # Two rates of zero are equal.
            yield (low / high if high > 0 else 1.0), one.slice, other.slice


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
