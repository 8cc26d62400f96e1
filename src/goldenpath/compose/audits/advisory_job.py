"""The daily scan of what is live against advisories, and VEX statements about it."""

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from goldenpath.audit.advisories.advisory_findings import (
    SCANNED,
    VexDesk,
    event_of_finding,
    raised_before,
    update_findings,
)
from goldenpath.audit.advisories.live_exposure import (
    Exposure,
    exposures,
    live_releases,
    require_advisories,
)
from goldenpath.audit.advisories.vex_statement import VexClaim, VexStatus, vex_statement
from goldenpath.audit.events.event import Event
from goldenpath.canonical import JsonValue
from goldenpath.compose.audits.register_sources import signed_records
from goldenpath.compose.gitops_access import identity, person, trusted
from goldenpath.compose.process_context import event_log, now
from goldenpath.compose.stores import store_of
from goldenpath.deploy.machine.observations import Warned
from goldenpath.deploy.reconcile.status import Status
from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError, InvalidInput
from goldenpath.home import Home
from goldenpath.observe.drift.findings import ADVISORY, DriftFinding, load
from goldenpath.promote.gates.approval import role_refusal
from goldenpath.release.attest.attach import attach_ssh
from goldenpath.release.evidence.advisories import read_advisories
from goldenpath.settings import ADVISORIES_VARIABLE
from goldenpath.times import ElapsedTime, timestamp

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY = timedelta(days=1)
"""How often `goldenpath up` scans."""


@dataclass(frozen=True, slots=True)
class LiveScan:
    """What one scan found, and which findings it changed."""

    advisories: str
    """Digest of the advisories."""
    count: int
    releases: int
    """Placements of releases in stages that were scanned."""
    exposures: tuple[Exposure, ...]
    changed: tuple[DriftFinding, ...]
    """Findings that were raised or ended."""


def scan_live(home: Home) -> LiveScan:
    """Scan what is live, and bring the findings in line.

    Raises `InvalidInput` if no advisories are named or if they cannot be read.
    """
    source = os.environ.get(ADVISORIES_VARIABLE)
    if not source:
        raise InvalidInput(
            f"what is live cannot be scanned: {ADVISORIES_VARIABLE} is not set",
            hint=f"name a folder or a zip file in OSV format in {ADVISORIES_VARIABLE}",
        )
    advisories = require_advisories(read_advisories(Path(source)))
    moment = now()
    records = signed_records(home, moment)
    live = live_releases(records.history())
    scanned = tuple(exposures(advisories, live, records.statements))
    aliases: dict[str, list[str]] = {}
    for name, identities in advisories.names.items():
        for each in identities:
            aliases.setdefault(each, []).append(name)
    log, changed = event_log(home), []
    home.findings.mkdir(parents=True, exist_ok=True)
    for finding in update_findings(
        home.findings,
        scanned,
        lambda advisory: sorted(aliases.get(advisory, ())),
        VexDesk(records.trusted.platform, records.statements, moment),
        first=raised_before(home.events),
    ):
        log.append(event_of_finding(finding, moment))
        changed.append(finding)
    # Written last: a scan that was cut off is none, so that no silence looks like "none".
    scan: dict[str, JsonValue] = {
        "advisories": advisories.digest, "count": advisories.count, "releases": len(live),
    }  # fmt: skip
    log.append(Event(timestamp(moment), SCANNED, "system", details=scan))
    return LiveScan(advisories.digest, advisories.count, len(live), scanned, tuple(changed))


def vex_desk(home: Home, moment: datetime) -> VexDesk:
    """Return what decides whether a VEX statement closed a finding at a moment."""
    records = signed_records(home, moment)
    return VexDesk(records.trusted.platform, records.statements, moment)


def vex_claim(
    home: Home,
    name: str,
    status: VexStatus,
    justification: str,
    *,
    reason: str,
    until: datetime,
) -> VexClaim:
    """Return what a VEX statement says about a finding.

    Raises `NotFound`, and `InvalidInput` if the finding is about no advisory.
    """
    finding = load(home.findings, name)
    if finding.kind != ADVISORY or not finding.feature:
        raise InvalidInput(
            f"finding {name} is about no advisory: a VEX statement cannot close it",
            hint="a release whose parts nobody can read has to be built again, or retired"
            if finding.kind == ADVISORY
            else f"close it with a reason: goldenpath findings close {name} --reason ...",
        )
    return VexClaim(
        Digest(finding.release),
        finding.stage,
        finding.model,
        finding.new_values[0],
        status,
        justification,
        reason,
        until,
    )


def sign_vex(home: Home, claim: VexClaim, name: str | None, key: Path | None) -> tuple[str, Digest]:
    """Sign a VEX statement as a listed person and attach it to the release.

    Returns the name of the person and the digest of the statement. Raises `InvalidInput` if the
    person has no role that approves the model in the stage.
    """
    platform, who = trusted(home).platform, person(home, name, key)
    stage = platform.stage(claim.stage)
    if stage is None:
        raise InvalidInput(f"platform.toml lists no stage {claim.stage!r}")
    if refused := role_refusal(who, platform, stage, claim.model):
        raise InvalidInput(f"{who.name} {refused}", hint="an approver of the stage has to sign")
    store, moment = store_of(home, platform), now()
    statement = vex_statement(claim, who.name, moment)
    image = store.resolve(claim.release.text)
    key_of_person = identity(name, key).key
    return who.name, attach_ssh(store, image, statement, key_of_person, now=moment).digest


class AdvisoryWatch:
    """Scans daily beside the reconcile loop, and raises an alarm if that cannot be done."""

    def __init__(self, home: Home, scan: "Callable[[Home], object]" = scan_live) -> None:
        self._home = home
        self._scan = scan
        self._running: Thread | None = None
        self._elapsed = ElapsedTime()
        self._next = 0.0
        """When it scans again, in seconds that passed."""
        self._found: tuple[Warned, ...] = ()

    def __call__(self, status: Status) -> tuple[Warned, ...]:
        """Return the alarms of the last scan, without waiting."""
        at = self._elapsed.at(datetime.fromisoformat(status.time))
        is_idle = self._running is None or not self._running.is_alive()
        if os.environ.get(ADVISORIES_VARIABLE) and is_idle and self._next <= at:
            self._next = at + EVERY.total_seconds()
            # A daemon thread: the end of the process does not wait for it.
            self._running = Thread(target=self._look, name="advisories", daemon=True)
            self._running.start()
        return self._found

    def _look(self) -> None:
        try:
            self._scan(self._home)
        except (GoldenPathError, OSError) as error:
            message = f"what is live was not scanned against the advisories: {error}"
            self._found = (Warned("", "advisories", message),)
        else:
            self._found = ()
