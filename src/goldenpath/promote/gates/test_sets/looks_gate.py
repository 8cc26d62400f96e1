"""The gate `test-sets`: data that were looked at too often prove little about a release.

Which releases looked at the same data stands in the registry and the events of one machine. So
followers count this gate only if enough approvers signed that they saw it open.
"""

from dataclasses import dataclass
from datetime import datetime

from goldenpath.promote.gates.gate import Evidence
from goldenpath.promote.gates.test_sets.data_looks import LookedAtData
from goldenpath.promote.platform.data_rules import TEST_SETS_GATE, LookRules
from goldenpath.promote.platform.platform import Stage
from goldenpath.release.attest.policy import Finding

NOT_READ = "the looks at its data are counted by the machines that promote and approve"
_FRESH = "evaluate on data that fewer releases were measured on, and build again"


@dataclass(frozen=True, slots=True)
class SparinglyTested:
    """The best of all looks at the data cannot flatter by more than the stage allows."""

    name: str = TEST_SETS_GATE

    def judge(self, evidence: Evidence, stage: Stage, now: datetime) -> Finding:
        """Check the data set that was looked at most."""
        if evidence.looks is None:
            return Finding(self.name, "fail", f"nobody can tell: {NOT_READ}", "ask one of these")
        data = evidence.looks.of(evidence.verified)
        if not data:
            text = "no signed evaluation of this release names the data that it was measured on"
            return Finding(self.name, "fail", text, "build the release again")
        rules = stage.test_sets
        worst = max(data, key=lambda each: bound_by(rules, each))
        bound, limit = bound_by(rules, worst), rules.max_optimism
        text = (
            f"{looks_text(worst)}; the best of them flatters a mean between 0 and 1 by at most "
            f"{bound:.4f} at 95 % ({rules.assume} bound), {limit:g} is allowed"
        )
        # Written so that a bound that is no number closes the gate.
        return Finding(self.name, "pass", text) if bound <= limit else self._closed(text)

    def _closed(self, text: str) -> Finding:
        return Finding(self.name, "fail", text, _FRESH)


def bound_by(rules: LookRules, data: LookedAtData) -> float:
    """Return the bound under the assumption that a stage makes."""
    return data.fixed_bound if rules.assume == "fixed" else data.adaptive_bound


def looks_text(data: LookedAtData) -> str:
    """Return how often one data set was looked at."""
    known = f"{len(data.looks)} signed {'look' if len(data.looks) == 1 else 'looks'}"
    more = f" and perhaps {data.perhaps} more, since releases cannot be read" * bool(data.perhaps)
    return f"{', '.join(data.names)} had {known}{more}, on {data.rows} rows or more"
