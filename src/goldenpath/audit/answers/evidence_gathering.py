"""Gather the evidence about one release into a bundle.

A report is a pure function of this bundle: only this module reads stores, git and logs for it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from goldenpath.audit.advisories.noted_advisories import noted_advisories
from goldenpath.audit.anchors.held_heads import NOT_HELD, HeldHeads
from goldenpath.audit.answers.calibration_bins import calibration_of
from goldenpath.audit.answers.checked_logs import check_logs
from goldenpath.audit.answers.citations import lost_statements
from goldenpath.audit.answers.finding_ends import finding_ends
from goldenpath.audit.answers.override_records import read_overrides
from goldenpath.audit.answers.predictions import sealed_by, summarise
from goldenpath.audit.report.describe import contract_of
from goldenpath.audit.report.evidence_bundle import EvidenceBundle
from goldenpath.audit.timeline.intent import read_history
from goldenpath.audit.timeline.live_model import Intent
from goldenpath.audit.timeline.moment import show_moment
from goldenpath.audit.timeline.platform_moment import platform_at_moment
from goldenpath.audit.timeline.signed_approvals import SignedApprovals
from goldenpath.digest import Digest
from goldenpath.errors import NotFound, VerificationError
from goldenpath.home import Home
from goldenpath.observe.drift.monitor_state import watches
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
    home: Home
    """Holds both logs."""
    held: HeldHeads = NOT_HELD
    """The heads of both logs that others hold."""
    sighting: Callable[[Commit], Sighting] | None = None
    """Returns when a commit was first seen; None takes the date that it claims."""


def gather(sources: Sources, digest: Digest, as_of: datetime) -> EvidenceBundle:
    """Return the evidence about the release `digest` up to `as_of`.

    People, keys and demands are those of the platform file that was in force then. Raises
    `NotFound` if the store has no such release. Raises `VerificationError` if its bytes do not
    match the digest: such content cannot be reported on.
    """
    sources = _as_of(sources, as_of)
    platform = sources.trusted.platform
    policy = release_policy(platform)
    everything = verify(
        sources.store, digest, policy, people=platform.people, now=as_of, blobs=True
    )
    verified = known_at(everything, as_of)
    release = open_release(sources.store, digest)
    ours = f"{PLATFORM_FOLDER}/"
    files = {path: text for path, text in release.files.items() if path.startswith(ours)}
    if CONTRACT not in files:
        raise VerificationError(f"{digest} has no {CONTRACT}: it is not a release of goldenpath")
    model = parse_contract(files[CONTRACT]).name
    logs = check_logs(sources.home, sources.held, until=as_of, model=model)
    history = [
        intent
        for intent in read_history(
            sources.repository, sources.trusted.commit, model, sighting=sources.sighting
        )
        if intent.time <= as_of
    ]
    own = tuple(each for each in logs.events if each.digest == digest.text)
    approve = SignedApprovals(sources.repository, lambda each: _statements(sources, each, as_of))
    return EvidenceBundle(
        digest=digest,
        model=model,
        as_of=show_moment(as_of),
        generator=f"goldenpath {__version__}",
        verified=verified,
        files=files,
        history=tuple(map(approve, history)),
        events=logs.events,
        events_head=logs.head.digest,
        predictions=summarise(sources.home, digest, as_of),
        logs=logs.states,
        predecessor=_predecessor(sources, digest, history, as_of),
        monitored=_monitored(sources.home, model, digest, as_of),
        overrides=read_overrides(own, platform.people),
        ends=finding_ends(own, platform.people),
        advisories=noted_advisories(own, verified, platform, as_of),
        lost=lost_statements(
            sources.repository, everything, history, logs.events, head=sources.trusted.commit
        ),
    )


def _as_of(sources: Sources, moment: datetime) -> Sources:
    """Return the same places under the platform file of a moment."""

    def came(commit: Commit) -> datetime:
        if sources.sighting is None:
            return commit.time
        return sources.sighting(commit).arrival(commit.time)

    platform = platform_at_moment(sources.repository, sources.trusted, came, moment)
    return replace(sources, trusted=replace(sources.trusted, platform=platform))


def gather_report(sources: Sources, digest: Digest, as_of: datetime) -> EvidenceBundle:
    """Return the evidence with what only a report draws: the calibration on all evaluation rows.

    Raises what `gather` raises.
    """
    bundle = gather(sources, digest, as_of)
    contract = contract_of(bundle)
    if contract is None:
        return bundle
    return replace(bundle, calibration=calibration_of(sources.store, bundle.verified, contract))


def _statements(sources: Sources, digest: Digest, as_of: datetime) -> Verified:
    platform = sources.trusted.platform
    policy = release_policy(platform)
    found = verify(sources.store, digest, policy, people=platform.people, now=as_of)
    return known_at(found, as_of)


def known_at(verified: Verified, moment: datetime) -> Verified:
    """Return what is verified without the statements that were signed after `moment`.

    Their time is the signer's own. A statement without one counts.
    """
    kept = (
        each
        for each in verified.statements
        if each.statement.signed_at is None or each.statement.signed_at <= moment
    )
    return replace(verified, statements=tuple(kept))


def _predecessor(
    sources: Sources, digest: Digest, history: Sequence[Intent], as_of: datetime
) -> Verified | None:
    """Return what is known of the release that was placed last before this one."""
    before = None
    for intent in history:
        for slot in intent.slots:
            if slot.digest == digest:
                return None if before is None else _statements_if_kept(sources, before, as_of)
            before = slot.digest
    return None


def _statements_if_kept(sources: Sources, digest: Digest, as_of: datetime) -> Verified:
    try:
        return _statements(sources, digest, as_of)
    except NotFound:  # the store keeps it no longer, so nothing is known about it
        return Verified(digest, (), ())


def _monitored(home: Home, model: str, digest: Digest, as_of: datetime) -> tuple[str, ...]:
    """Return the stages in which the monitor keeps counts of the release, as of a moment.

    The monitor counts what is sealed, and does not write down since when. So a stage in which no
    answer of the release was sealed by then was not monitored then.
    """
    sealed = {each.stage for each in sealed_by(home, as_of) if each.release == digest.text}
    kept = watches(home.drift, "*", model).values()
    counted = {each.stage for each in kept if each.release == digest.text}
    return tuple(sorted(sealed & counted))
