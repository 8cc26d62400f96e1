"""The alarms that are due, as notices: from the findings of the home and from the audit log."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from goldenpath.audit.alarms.notice import MOST_TEXT, Notice, NoticeState
from goldenpath.audit.alarms.surroundings import changes_near
from goldenpath.audit.events.event import Event
from goldenpath.errors import GoldenPathError
from goldenpath.home import Home
from goldenpath.observe.drift.findings import MONITOR, DriftFinding, load
from goldenpath.parsers.shown_text import one_line
from goldenpath.promote.platform.alarm_rules import ModelOwner, owner_of

_MOST_NAMES = 20
PLATFORM = "platform-"
"""Beginning of the id of an alarm of the platform."""


@dataclass(slots=True)
class AlarmSource:
    """The findings and the audit log of one home. Unchanged files are not read again."""

    home: Home
    report: Callable[[str], None]
    owners: tuple[ModelOwner, ...] = ()
    _known: dict[str, tuple[int, DriftFinding | None]] = field(default_factory=dict)

    def findings(self) -> Mapping[str, DriftFinding]:
        """Return every finding by id. One that cannot be read is reported and hides no other."""
        found: dict[str, tuple[int, DriftFinding | None]] = {}
        for path in self.home.findings.glob("*.json"):
            try:
                changed = path.stat().st_mtime_ns
            except FileNotFoundError:
                continue
            before = self._known.get(path.stem)
            if before is not None and before[0] == changed:
                found[path.stem] = before
                continue
            try:
                found[path.stem] = (changed, load(self.home.findings, path.stem))
            except GoldenPathError as error:
                self.report(f"a finding is not delivered: {error.message}")
                found[path.stem] = (changed, None)
        self._known = found
        return {name: finding for name, (_, finding) in found.items() if finding is not None}

    def notice(self, finding: DriftFinding) -> Notice:
        """Return the notice about a finding in its present state."""
        owner = owner_of(self.owners, finding.model)
        opened = datetime.fromisoformat(finding.opened_at)
        since = _moment(finding.since) or opened
        return Notice(
            finding=finding.id,
            state=state_of(finding),
            kind=finding.kind,
            stage=finding.stage,
            model=finding.model,
            release=finding.release,
            what=one_line(finding.sentence, MOST_TEXT),
            opened_at=finding.opened_at,
            since=finding.since,
            ended_at=finding.resolved_at,
            features=(finding.feature,) if finding.feature else (),
            new_values=finding.new_values[:_MOST_NAMES],
            effect=self._effect(finding, since, opened),
            nearby=changes_near(
                self.home.events, finding.stage, finding.model, since, until=opened
            ),
            owner=owner.name if owner else "",
            runbook=owner.runbook if owner else "",
            closed_by=finding.resolved_by,
            reason=one_line(finding.reason, MOST_TEXT),
        )

    def platform_notice(self, event: Event) -> Notice:
        """Return the notice about an alarm of the platform, which the audit log recorded.

        Its id follows from its text and its day: a machine that starts again repeats its alarms,
        and each is delivered once a day.
        """
        details = event.details or {}
        what, message = str(details.get("what", "")), str(details.get("message", ""))
        owner = owner_of(self.owners, event.model)
        text = "\0".join((event.stage, event.model, what, message))
        name = hashlib.sha256(text.encode()).hexdigest()[:16]
        return Notice(
            finding=f"{PLATFORM}{event.time[:10]}-{name}",
            state="open",
            kind=what or "platform",
            stage=event.stage,
            model=event.model,
            release=event.digest,
            what=one_line(message, MOST_TEXT),
            opened_at=event.time,
            owner=owner.name if owner else "",
            runbook=owner.runbook if owner else "",
        )

    def _effect(self, finding: DriftFinding, since: datetime, until: datetime) -> str:
        # Loading pyarrow takes longer than the rest of this process, and most days have no drift.
        from pyarrow import ArrowException

        from goldenpath.audit.alarms.decision_effect import decision_effect

        deployment = (finding.stage, finding.model, finding.release)
        try:
            return decision_effect(self.home.predictions, deployment, since, until)
        except (OSError, ArrowException) as error:
            return f"could not be read from the prediction log: {one_line(str(error))}"


def state_of(finding: DriftFinding) -> NoticeState:
    """Return the state of a finding as notices name it: a person closes, the monitor resolves."""
    if finding.state == "open":
        return "open"
    return "resolved" if finding.resolved_by == MONITOR else "closed"


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
