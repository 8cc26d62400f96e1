"""The gate `findings`: open findings of the monitors keep a release out of a stage.

What nobody counted has no findings either. So the gate is closed where the monitors of this machine
did not count the live release, or the release itself in the stage before.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from goldenpath.digest import Digest
from goldenpath.promote.gates.gate import Evidence
from goldenpath.promote.gates.monitoring.monitor_view import MonitorFinding, MonitorView
from goldenpath.promote.platform.alarm_rules import FINDINGS_GATE, FindingRules
from goldenpath.promote.platform.platform import Stage
from goldenpath.release.attest.policy import Finding

_MOST_NAMED = 5
_ELSEWHERE = (
    "ask the machine whose monitors count these releases, or let a second person waive this gate"
)


@dataclass(frozen=True, slots=True)
class OpenFindings:
    """No finding that the stage names is open about the live release or about this one."""

    name: str = FINDINGS_GATE

    def judge(self, evidence: Evidence, stage: Stage, now: datetime) -> Finding:
        """Check what the monitors know about both releases."""
        live = None if evidence.live is None else evidence.live.digest
        asked = MonitoredReleases.of(stage, live, evidence.digest, evidence.before_since)
        gap = monitoring_gap(evidence.monitored, asked)
        if gap:
            return Finding(self.name, "fail", f"nobody can tell: {gap}", _ELSEWHERE)
        view = evidence.monitored or MonitorView()
        about = [each for each in view.findings if asked.concerns(each)]
        blocking = blocking_findings(view, asked, stage.findings, now)
        if blocking:
            return self._closed(blocking, asked)
        ended = [each for each in about if each.closed_by and not each.is_open(now)]
        return Finding(self.name, "pass", "; ".join(_open_text(stage, asked, view, ended)))

    def _closed(self, blocking: list[MonitorFinding], asked: "MonitoredReleases") -> Finding:
        blocking.sort(key=lambda each: "" if each.opened_at is None else str(each.opened_at))
        named = [_finding_text(each, asked) for each in blocking[:_MOST_NAMED]]
        more = len(blocking) - len(named)
        named += [f"and {more} more"] if more else []
        return Finding(self.name, "fail", "; ".join(named), _cure(blocking[0]))


def _cure(finding: MonitorFinding) -> str:
    if finding.kind == "advisory":
        return (
            "build a release with a package that is mended, or sign why it does not endanger this "
            f"one: goldenpath findings vex {finding.id} --justification … --reason … --until DAY"
        )
    return (
        f"repair the source of {finding.id}, or close it: goldenpath findings close "
        f"{finding.id} --reason …"
    )


@dataclass(frozen=True, slots=True)
class MonitoredReleases:
    """The releases whose findings a stage asks about."""

    stage: str
    live: str
    """The digest of the live release; empty if none is, or if the stage does not ask about it."""
    release: str
    """The digest of the release that wants to enter; empty if the stage does not ask about it."""
    was_live: bool
    """Whether that release ran in the stage before, where monitors can have counted it."""

    @classmethod
    def of(
        cls, stage: Stage, live: Digest | None, release: Digest, before_since: datetime | None
    ) -> "MonitoredReleases":
        """Return those that the rules of the stage name."""
        rules = stage.findings
        return cls(
            stage.name,
            live.text if live is not None and "live" in rules.of else "",
            release.text if "release" in rules.of else "",
            before_since is not None,
        )

    def concerns(self, finding: MonitorFinding) -> bool:
        """Whether a finding is about one of them."""
        is_live = (finding.stage, finding.release) == (self.stage, self.live)
        return (bool(self.live) and is_live) or (finding.release == self.release != "")


def monitoring_gap(view: MonitorView | None, asked: MonitoredReleases) -> str:
    """Return why nobody can tell whether a finding is open; empty if the monitors can."""
    if view is None:
        return "no monitor's records were read here"
    if view.unread:
        return "; ".join(view.unread[:_MOST_NAMED])
    if asked.live and (asked.stage, asked.live) not in view.counted:
        return f"no monitor of this machine counted the live release {_short(asked.live)}"
    counted = {release for _, release in view.counted}
    if asked.release and asked.was_live and asked.release not in counted:
        return f"no monitor of this machine counted a request to {_short(asked.release)}"
    return ""


def blocking_findings(
    view: MonitorView, asked: MonitoredReleases, rules: FindingRules, now: datetime
) -> list[MonitorFinding]:
    """Return the open findings about the releases that the rules of a stage count."""
    about = (each for each in view.findings if asked.concerns(each))
    return [each for each in about if _blocks(each, rules, now)]


def _blocks(finding: MonitorFinding, rules: FindingRules, now: datetime) -> bool:
    if not rules.covers(finding.kind) or not finding.is_open(now):
        return False
    # One without a readable time is open for longer than any limit.
    return finding.opened_at is None or now - finding.opened_at >= rules.older_than


def _finding_text(finding: MonitorFinding, asked: MonitoredReleases) -> str:
    what = "the live release" if finding.release == asked.live else "this release"
    since = "an unknown time"
    if finding.opened_at is not None:
        since = finding.opened_at.isoformat(timespec="minutes")
    owner = finding.owner or "nobody named"
    return (
        f"{finding.id} about {what} in {finding.stage} is open since {since} "
        f"({finding.kind}, owner: {owner}): {finding.sentence}"
    )


def _open_text(
    stage: Stage, asked: MonitoredReleases, view: MonitorView, ended: list[MonitorFinding]
) -> Iterator[str]:
    rules = stage.findings
    yield f"no open finding of the kinds {', '.join(rules.blocking)}"
    for what, digest in (("the live release", asked.live), ("this release", asked.release)):
        times = [time for (_, release), time in view.counted.items() if release == digest != ""]
        if times:
            yield f"{what} was counted up to {max(times)}"
        elif digest:
            yield f"{what} was asked nowhere yet"
    # Approvers sign this finding, so they see who ended what.
    for each in ended[-_MOST_NAMED:]:
        yield f"{each.id} was closed by {each.closed_by}: {each.reason}"


def _short(digest: str) -> str:
    return digest[: len("sha256:") + 12]
