"""Gather the evidence about one release into a bundle.

A report is a pure function of this bundle: only this module reads stores, git and logs for it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from goldenpath.audit.events.event import Event
from goldenpath.audit.events.event_log import EventLog
from goldenpath.audit.report.evidence_bundle import EvidenceBundle, LogSummary
from goldenpath.audit.timeline.intent import read_history
from goldenpath.audit.timeline.moment import show_moment
from goldenpath.audit.timeline.signed_approvals import SignedApprovals
from goldenpath.digest import Digest
from goldenpath.errors import VerificationError
from goldenpath.oci.store import Store
from goldenpath.project.contract import parse_contract
from goldenpath.promote.gates.admission_policy import release_policy
from goldenpath.promote.repository.chain_of_trust import Trusted
from goldenpath.promote.repository.commit import Commit
from goldenpath.promote.repository.first_seen import Sighting
from goldenpath.promote.repository.worktree import Repository
from goldenpath.release.artifact.pack import CONTRACT, PLATFORM_FOLDER
from goldenpath.release.artifact.unpack import open_release
from goldenpath.release.attest.policy import Verified
from goldenpath.release.attest.verify import verify
from goldenpath.version import __version__


@dataclass(frozen=True, slots=True)
class Sources:
    """The places that hold the evidence of one platform."""

    store: Store
    repository: Repository
    trusted: Trusted
    log: EventLog
    sighting: Callable[[Commit], Sighting] | None = None
    """Returns when a commit was first seen; None takes the date that it claims."""


def gather(
    sources: Sources, digest: Digest, as_of: datetime, predictions: LogSummary | None = None
) -> EvidenceBundle:
    """Return the evidence about the release `digest` up to `as_of`.

    Raises `NotFound` if the store has no such release. Raises `VerificationError` if its bytes
    do not match the digest: such content cannot be reported on.
    """
    platform = sources.trusted.platform
    policy = release_policy(platform)
    verified = verify(sources.store, digest, policy, people=platform.people, now=as_of, blobs=True)
    release = open_release(sources.store, digest)
    ours = f"{PLATFORM_FOLDER}/"
    files = {path: text for path, text in release.files.items() if path.startswith(ours)}
    if CONTRACT not in files:
        raise VerificationError(f"{digest} has no {CONTRACT}: it is not a release of goldenpath")
    model = parse_contract(files[CONTRACT]).name
    checked = sources.log.check(as_of)
    history = read_history(
        sources.repository, sources.trusted.commit, model, sighting=sources.sighting
    )
    approve = SignedApprovals(sources.repository, lambda each: _statements(sources, each, as_of))
    return EvidenceBundle(
        digest=digest,
        model=model,
        as_of=show_moment(as_of),
        generator=f"goldenpath {__version__}",
        verified=verified,
        files=files,
        history=tuple(approve(intent) for intent in history if intent.time <= as_of),
        # A broken chain is a finding in the report. It does not prevent the report.
        events=_about(sources.log.read(), model, as_of) if checked.holds else (),
        events_head=checked.head.digest,
        events_hold=checked.holds,
        predictions=predictions,
    )


def _statements(sources: Sources, digest: Digest, as_of: datetime) -> Verified:
    platform = sources.trusted.platform
    policy = release_policy(platform)
    return verify(sources.store, digest, policy, people=platform.people, now=as_of)


def _about(events: Iterable[Event], model: str, as_of: datetime) -> tuple[Event, ...]:
    return tuple(
        event
        for event in events
        if (event.model == model or event.kind.startswith("platform."))
        and datetime.fromisoformat(event.time) <= as_of
    )
