"""Open findings about a system: from signed commits and statements, and from the monitors."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from goldenpath.audit.registers.finding_limits import finding_time, findings_at
from goldenpath.audit.registers.waiver_register import RecordedWaiver
from goldenpath.audit.timeline.live_model import Intent
from goldenpath.audit.timeline.mismatches import unauthorised
from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.observe.drift.findings import DriftFinding
from goldenpath.project.text import front_matter, parse_statement

MONITORED = "the monitor of this machine, which signs nothing"


@dataclass(frozen=True, slots=True)
class OpenFinding:
    """One finding that nothing has ended by the moment."""

    model: str
    stage: str
    kind: str
    since: datetime
    message: str
    source: str
    """The record that it follows from."""


def findings_of_commits(intents: Iterable[Intent], moment: datetime) -> Iterator[OpenFinding]:
    """Yield what is wrong with the commits in force, each with its approvers."""
    for intent in intents:
        if not intent.slots:
            continue
        source = f"commit {intent.commit[:12]}"
        for kind, since, message in _faults(intent, moment):
            yield OpenFinding(intent.model, intent.stage, kind, since, message, source)


def _faults(intent: Intent, moment: datetime) -> Iterator[tuple[str, datetime, str]]:
    if intent.glass is not None:
        yield "glass broken", intent.glass.since, intent.glass.summary(moment)
    for mismatch in unauthorised(intent):
        yield mismatch.kind, intent.time, mismatch.message


def findings_of_waiver(waiver: RecordedWaiver) -> Iterator[OpenFinding]:
    """Yield a finding for each stage that runs a release on a waiver that is not in force."""
    if waiver.standing == "open":
        return
    for use in waiver.used_by:
        if use.is_live:
            since = waiver.until if waiver.standing == "expired" else use.decided_at
            yield OpenFinding(
                waiver.model or use.model,
                use.stage,
                f"waiver {waiver.standing}",
                since or datetime.min.replace(tzinfo=UTC),
                f"the waiver of {waiver.gate or 'a gate'} {waiver.note}",
                f"decision {use.decision.short}",
            )


def findings_of_reviews(
    intent: Intent, digest: Digest, documents: Mapping[str, bytes], moment: datetime
) -> Iterator[OpenFinding]:
    """Yield a finding for each text of a live release whose review date has passed.

    The owner is the one whom the text names. A date that nobody can read has passed.
    """
    for path, content in sorted(documents.items()):
        header = _header(path, content)
        if header is None or "review_by" not in header:
            continue
        review = _day(header["review_by"])
        # The text is in date up to the end of that day.
        ended = None
        if review is not None:
            ended = datetime.combine(review, time(), UTC) + timedelta(days=1)
        if ended is not None and moment < ended:
            continue
        owner = header.get("owner") or "nobody"
        yield OpenFinding(
            intent.model,
            intent.stage,
            "review overdue",
            ended or intent.time,
            f"{path} was to be reviewed by {header['review_by'] or 'a day'}; its owner is {owner}",
            f"{path} in {digest.short}",
        )


def _header(path: str, content: bytes) -> Mapping[str, JsonValue] | None:
    """Return the head of a text of people; None if it has none."""
    try:
        text = content.decode()
        if path.endswith(".md"):
            return front_matter(text, path)[0]
        return parse_statement(text, path) if path.endswith((".yaml", ".yml")) else None
    except (InvalidInput, UnicodeDecodeError):
        return None  # the gate `statements` and the register's declaration name it


def _day(value: JsonValue) -> date | None:
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None


def findings_of_monitors(
    findings: Iterable[DriftFinding], unbelieved: Collection[str], moment: datetime
) -> Iterator[OpenFinding]:
    """Yield the findings of monitors that were open at the moment.

    `unbelieved` are ids of findings whose closing no listed person signed: these are open.
    """
    for finding in findings_at(findings, moment):
        if finding.state == "open" or finding.id in unbelieved:
            opened = finding_time(finding.opened_at) or datetime.min.replace(tzinfo=UTC)
            yield OpenFinding(
                finding.model, finding.stage, finding.kind, opened, finding.sentence, MONITORED
            )
