"""Robustness: a decision that turns on noise or on a nudge is none to rely on."""

from dataclasses import dataclass
from datetime import datetime

from goldenpath.attest.policy import Finding
from goldenpath.promote.declared import Limit
from goldenpath.promote.gate import Evidence
from goldenpath.promote.measured import BUILD, margin_of, metric_of, missed, read_evaluation
from goldenpath.promote.platform import Stage

PREFIX = "robustness_"
DEFAULTS = (Limit("robustness_noise", None, 0.1),)
"""What holds where the thresholds name no limit of their own."""


@dataclass(frozen=True, slots=True)
class Robustness:
    """Few decisions change by noise, by a missing value, or by moving one mutable feature."""

    name: str = "robustness"

    def judge(self, evidence: Evidence, stage: Stage, now: datetime) -> Finding:
        """Takes the upper end of each interval; what has no limit is only told."""
        read = read_evaluation(self.name, evidence)
        if isinstance(read, Finding):
            return read
        declared, evaluation = read
        limits = [limit for limit in declared.metrics if limit.metric.startswith(PREFIX)]
        named = {limit.metric for limit in limits}
        measured = {m.name for m in evaluation.metrics if m.name.startswith(PREFIX)}
        limits += [each for each in DEFAULTS if each.metric in measured - named]
        if not measured and not limits:
            return Finding(self.name, "not applicable", "robustness was not measured")
        margins = {
            limit: margin_of(limit, metric_of(evaluation.metrics, limit.metric, limit.slice))
            for limit in limits
        }
        free = ", ".join(sorted(measured - {limit.metric for limit in limits}))
        remark = f"; without a limit: {free}" if free else ""
        failed = [missed(limit, margin) for limit, margin in margins.items() if not margin >= 0]
        if failed:
            return Finding(self.name, "fail", "; ".join(failed) + remark, BUILD)
        said = ", ".join(f"{limit.metric} {margin:.3f} inside" for limit, margin in margins.items())
        return Finding(self.name, "pass", said + remark)
