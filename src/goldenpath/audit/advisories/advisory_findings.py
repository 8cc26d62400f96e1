"""Findings about advisories: raised by a scan, closed by a VEX statement or by a later scan.

    not there --affected--> open --no longer live or affected--> resolved by the monitor
                             ^ |
         statement ended,    | | a VEX statement that counts
         refused or gone     | v
                            resolved by VEX

The name of a finding follows from what it is about. So a finding whose file was removed comes back,
with the time of the event that raised it first.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from goldenpath.audit.advisories.live_exposure import Exposure
from goldenpath.audit.advisories.severity_limits import UNREAD
from goldenpath.audit.advisories.vex_statement import VexClosing, vex_closings
from goldenpath.audit.alarms.closing import ListedFinding
from goldenpath.audit.events.chain import parse_link
from goldenpath.audit.events.event import Event
from goldenpath.audit.events.event_tail import lines_after
from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError, NotFound
from goldenpath.observe.drift.findings import (
    ADVISORY,
    MONITOR,
    VEX_STATEMENT,
    DriftFinding,
    load,
    resolved,
    save,
)
from goldenpath.parsers.advisory_severity import band_of
from goldenpath.promote.platform.platform import Platform
from goldenpath.release.attest.policy import Verified
from goldenpath.times import timestamp

RAISED: Literal["advisory.raised"] = "advisory.raised"
ENDED: Literal["advisory.ended"] = "advisory.ended"
SCANNED: Literal["advisory.scanned"] = "advisory.scanned"


@dataclass(frozen=True, slots=True)
class VexDesk:
    """What decides whether a VEX statement closes a finding."""

    platform: Platform
    statements: Callable[[Digest], Verified]
    """Returns what is signed about a release. Raises `GoldenPathError`."""
    moment: datetime

    def closing(self, finding: DriftFinding) -> VexClosing | None:
        """Return the statement that counts, else one that does not; None if there is none.

        A release that cannot be read has none, so that its findings are open.
        """
        if finding.kind != ADVISORY or finding.feature == "":
            return None
        names = frozenset(each.upper() for each in finding.new_values)
        try:
            verified = self.statements(Digest(finding.release))
        except GoldenPathError:
            return None
        place = (finding.stage, finding.model)
        closings = vex_closings(verified, names, place, self.platform, moment=self.moment)
        return closings[0] if closings else None


def closed_once(finding: DriftFinding, desk: VexDesk) -> VexClosing | None:
    """Return the statement that closes a finding now, or that closed it until its day."""
    closing = desk.closing(finding)
    if closing is not None and closing.refused and closing.signed_at is not None:
        closing = replace(desk, moment=closing.signed_at).closing(finding)
    return None if closing is None or closing.refused else closing


def with_vex(listed: ListedFinding, desk: VexDesk | None) -> ListedFinding:
    """Return a finding with the VEX statement that closes it, or why the last one does not."""
    closing = None if desk is None else desk.closing(listed.finding)
    if closing is None or listed.finding.resolved_by == MONITOR:
        return listed
    if closing.refused:
        return replace(listed, fault=f"{closing.sentence}: {closing.refused}")
    return replace(listed, fault="", closed_until=closing.sentence)


def raised_before(events: Path) -> Mapping[str, str]:
    """Return when each finding about an advisory was first raised, by the audit log."""
    first: dict[str, str] = {}
    for line, _ in lines_after(events, ("", 0)):
        if RAISED.encode() in line:
            event = parse_link(line).event
            if event.kind == RAISED:
                first.setdefault(str((event.details or {}).get("finding", "")), event.time)
    return first


def update_findings(
    folder: Path,
    scanned: Sequence[Exposure],
    names: Callable[[str], Sequence[str]],
    desk: VexDesk,
    *,
    first: Mapping[str, str],
) -> Iterator[DriftFinding]:
    """Bring the findings in line with a scan, and yield each that was raised or ended.

    A finding is saved after the caller is done with it: killed in between, the next scan yields it
    again, so that no record of it is lost.

    `names` returns the identifiers of an advisory. `first` is that of `raised_before`.
    """
    for exposure in scanned:
        known = _known(folder, exposure.id)
        opened = first.get(exposure.id) or (known.opened_at if known else timestamp(desk.moment))
        finding = replace(_finding(exposure, names(exposure.advisory)), opened_at=opened)
        closing = desk.closing(finding)
        if closing is not None and not closing.refused:
            finding = resolved(finding, VEX_STATEMENT, closing.sentence, desk.moment)
        if known is None or known.state != finding.state:
            if known is not None or finding.state == "open":
                yield finding
            save(folder, finding)
    yield from _ended(folder, scanned, desk.moment)


def _ended(folder: Path, scanned: Sequence[Exposure], moment: datetime) -> Iterator[DriftFinding]:
    """End each finding that the scan does not have any more.

    Of a release that could not be read nothing ends.
    """
    still = {each.id for each in scanned}
    unread = {each.release.text for each in scanned if each.advisory == UNREAD}
    for path in sorted(folder.glob("advisory-*.json")):
        known = _known(folder, path.stem)
        if known is None or known.id in still or known.release in unread:
            continue
        if known.state == "open" or known.resolved_by == VEX_STATEMENT:
            reason = "its release is no longer live, or no advisory affects it any more"
            ended = resolved(known, MONITOR, reason, moment)
            yield ended
            save(folder, ended)


def _known(folder: Path, name: str) -> DriftFinding | None:
    """Return a finding; None if there is none, or if it cannot be read and is written again."""
    try:
        return load(folder, name)
    except (NotFound, GoldenPathError):
        return None


def _finding(exposure: Exposure, names: Iterable[str]) -> DriftFinding:
    return DriftFinding(
        id=exposure.id,
        stage=exposure.stage,
        model=exposure.model,
        release=exposure.release.text,
        feature=exposure.package,
        kind=ADVISORY,
        opened_at="",
        since="",
        evidence=0.0,
        threshold=0.0,
        size=exposure.size,
        looks=0,
        rows=0,
        sentence=exposure.message,
        new_values=tuple(dict.fromkeys((exposure.advisory, *names))),
    )


def event_of_finding(finding: DriftFinding, moment: datetime) -> Event:
    """Return the event of a finding that was raised or ended."""
    details: dict[str, JsonValue] = {
        "finding": finding.id,
        "sentence": finding.sentence,
        "advisories": [*finding.new_values],
        "severity": band_of(finding.size),
    }
    if finding.state != "open":
        details |= {"by": finding.resolved_by, "reason": finding.reason}
    return Event(
        timestamp(moment),
        RAISED if finding.state == "open" else ENDED,
        "system",
        finding.stage,
        finding.model,
        finding.release,
        details=details,
    )
