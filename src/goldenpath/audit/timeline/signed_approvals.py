"""Who approved what a commit placed, from signed statements only.

A trailer such as `Approved-By` is text that the committer wrote. It is never shown as an approval.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from goldenpath.audit.timeline.live_model import Intent
from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError
from goldenpath.promote.gates.authorship import ReleaseChange, author_refusal
from goldenpath.promote.platform.platform import Platform
from goldenpath.promote.repository.chain_of_trust import platform_at
from goldenpath.promote.repository.worktree import Repository
from goldenpath.release.attest.policy import SignedStatement, Verified
from goldenpath.release.attest.statement import APPROVAL, DECISION, member, parse_time

SKEW = timedelta(minutes=15)
"""How far the clocks of an approver and of a committer may differ."""

Statements = Callable[[Digest], Verified]
"""Returns what is verified about a release. Raises `GoldenPathError` if it cannot be read."""


class SignedApprovals:
    """Adds approvers and decision to intents; each release is verified once."""

    def __init__(self, repository: Repository, statements: Statements) -> None:
        self._repository = repository
        self._statements = statements
        self._verified: dict[Digest, Verified] = {}

    def __call__(self, intent: Intent) -> Intent:
        """Return the intent with the people whose signed approvals its newest release had then.

        If the statements cannot be read, it says so: that is not the same as nobody.
        """
        if not intent.slots:
            return replace(intent, decision="", approvals_unknown="")
        digest = intent.slots[-1].digest
        try:
            verified = self._read(digest)
            platform = self._platform(intent.commit)
            before = self._before(intent)
        except GoldenPathError as error:
            reason = f"the statements about {digest.short} cannot be read: {error.message}"
            return replace(intent, decision="", approved_by=(), approvals_unknown=reason)
        return with_approvals(intent, verified, platform, before)

    def _before(self, intent: Intent) -> Verified | None:
        """Return what is verified about the release before; None if it cannot be read.

        Without it every part of a release counts as new, so that more people are authors.
        """
        try:
            return self._read(Digest(intent.before)) if intent.before else None
        except GoldenPathError:
            return None

    def _read(self, digest: Digest) -> Verified:
        if digest not in self._verified:
            self._verified[digest] = self._statements(digest)
        return self._verified[digest]

    def _platform(self, commit: str) -> Platform:
        """Return the platform file that was in force before the commit."""
        (committed,) = self._repository.commits([commit])
        return platform_at(self._repository, committed.parents[0] if committed.parents else commit)


def with_approvals(
    intent: Intent, verified: Verified, platform: Platform, before: Verified | None = None
) -> Intent:
    """Return the intent with the decision and the approvers that signed statements show.

    `before` is what is verified about the release that the stage ran before.
    """
    decisions = [each for each in verified.of_type(DECISION) if _is_for(each, intent, intent.time)]
    named = [each for each in decisions if each.envelope.text == intent.decision]
    approvers = _approvers(verified, platform, intent)
    authors = _authors(approvers, verified, platform, intent, before=before)
    return replace(
        intent,
        decision=named[0].envelope.text if named else "",
        approved_by=tuple(each for each in approvers if each not in authors),
        approvals_unknown="",
        approved_own=authors,
    )


def _is_for(decision: SignedStatement, intent: Intent, time: datetime) -> bool:
    predicate, signed = decision.statement.predicate, decision.statement.signed_at
    place = (predicate.get("stage"), predicate.get("model"))
    is_here = place == (intent.stage, intent.model) and predicate.get("allowed") is True
    return is_here and signed is not None and signed <= time + SKEW


def _approvers(verified: Verified, platform: Platform, intent: Intent) -> tuple[str, ...]:
    """Return who had signed an approval of this release for this stage by then.

    Whether their role suffices is for the gates and for admission to say, and whether they wrote
    a part of it for `_authors`.
    """
    people = {person.name: person for person in platform.people}
    return tuple(
        sorted(
            {
                each.signer
                for each in verified.of_type(APPROVAL)
                if each.signer in people and _is_given(each, intent)
            }
        )
    )


def _authors(
    names: Iterable[str],
    verified: Verified,
    platform: Platform,
    intent: Intent,
    *,
    before: Verified | None,
) -> tuple[str, ...]:
    """Return those of some people who wrote a part of the change."""
    stage = platform.stage(intent.stage)
    if stage is None:
        return tuple(names)
    change = ReleaseChange(verified, intent.model, stage, platform.people, before)
    people = {person.name: person for person in platform.people}
    return tuple(each for each in names if author_refusal(people[each], change))


def _is_given(approval: SignedStatement, intent: Intent) -> bool:
    """Whether the approval is about the stage and model, and was valid then."""
    predicate, signed = approval.statement.predicate, approval.statement.signed_at
    scope = predicate.get("scope")
    until = member(scope, "until")
    end = parse_time(until) if isinstance(until, str) else None
    return (
        approval.kind == "person"
        and predicate.get("decision", "approve") == "approve"
        and member(scope, "environment") == intent.stage
        and member(scope, "model") in (None, intent.model)
        and signed is not None
        and signed <= intent.time + SKEW
        and (end is None or intent.time < end)
    )
