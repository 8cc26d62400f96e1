"""Statements that other records cite, compared with those that the store has.

Decisions cite approvals, waivers and the evidence of machines. A release file cites the decision
and the approvals. Events cite what they are about. Who removes a statement leaves the citation.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from goldenpath.audit.events.event import Event
from goldenpath.audit.report.evidence_bundle import LostStatement
from goldenpath.audit.timeline.live_model import Intent
from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.promote.manifests.deployment_files import release_path
from goldenpath.promote.manifests.desired import Placement
from goldenpath.promote.manifests.placement import parse_placement
from goldenpath.promote.repository.worktree import Repository
from goldenpath.release.attest.policy import Verified
from goldenpath.release.attest.statement import APPROVAL, DECISION, EVIDENCE, SCAN, SIGNED, WAIVER
from goldenpath.release.attest.verify import unread_error

Citation = tuple[Digest, tuple[str, ...], str]
"""A statement, the predicate types that it may have, and who cites it."""


def lost_statements(
    repository: Repository,
    verified: Verified,
    history: Sequence[Intent],
    events: Sequence[Event],
    *,
    head: str,
) -> tuple[LostStatement, ...]:
    """Return each statement about the release that is cited and not there undamaged.

    `history` are the placements up to the time that is asked about, `head` the commit up to which
    release files are read: what a later one cites existed as well, if it is there.

    Raises `Unavailable` if one was not found and not all statements could be read.
    """
    digest = verified.subject
    cited: dict[Digest, LostStatement] = {}
    for envelope, kinds, citer in (
        *_by_decisions(verified),
        *_by_commits(repository, digest, history, head),
        *_by_events(digest, events),
    ):
        if envelope not in verified.present:
            cited.setdefault(envelope, LostStatement(envelope, kinds, citer))
    lost = tuple(cited[envelope] for envelope in sorted(cited))
    if lost and verified.unread:
        raise unread_error(verified, lost[0].message)
    return lost


def _by_decisions(verified: Verified) -> Iterator[Citation]:
    has = {each.statement.predicate_type for each in verified.statements}
    # A decision does not say of what kind a piece of evidence is: probably of one that is missing.
    absent = tuple(kind for kind in (*EVIDENCE, SIGNED, SCAN) if kind not in has)
    machines = absent or (*EVIDENCE, SIGNED, SCAN)
    kinds = {"approvals": (APPROVAL,), "waivers": (WAIVER,), "evidence": machines}
    for decision in verified.of_type(DECISION):
        citer = f"the decision {decision.envelope.short}"
        for member, of_kind in kinds.items():
            for envelope in _digests(decision.statement.predicate.get(member)):
                yield envelope, of_kind, citer


def _by_commits(
    repository: Repository, digest: Digest, history: Sequence[Intent], head: str
) -> Iterator[Citation]:
    """Read every release file that placed the release, also of commits that changed only it."""
    places = {
        (each.stage, each.model)
        for each in history
        if any(slot.digest == digest for slot in each.slots)
    }
    for stage, model in sorted(places):
        path = release_path(stage, model)
        commits = [each.id for each in repository.history(path, to=head)]
        contents = repository.deployment_files([f"{commit}:{path}" for commit in commits])
        for commit, content in zip(commits, contents, strict=True):
            if content is None:
                continue
            with suppress(InvalidInput):  # an unreadable release file cites nothing
                placement = parse_placement(content)
                if placement.digest == digest:  # the file is about the release that entered last
                    yield from _of_placement(placement, f"{path} in commit {commit[:12]}")


def _of_placement(placement: Placement, citer: str) -> Iterator[Citation]:
    for envelope in placement.approvals:
        yield envelope, (APPROVAL,), citer
    if placement.decision is not None:
        yield placement.decision, (DECISION,), citer


def _by_events(digest: Digest, events: Sequence[Event]) -> Iterator[Citation]:
    members: Mapping[str, tuple[str, str]] = {
        "release.approved": ("approval", APPROVAL),
        "release.promoted": ("decision", DECISION),
        "release.waived": ("waiver", WAIVER),
    }
    for event in events:
        if event.digest == digest.text and event.kind in members:
            member, kind = members[event.kind]
            for envelope in _digests([(event.details or {}).get(member)]):
                yield envelope, (kind,), f"the event {event.kind} of {event.time}"


def _digests(value: JsonValue) -> Iterator[Digest]:
    for text in value if isinstance(value, list) else ():
        with suppress(InvalidInput):
            yield Digest(str(text))
