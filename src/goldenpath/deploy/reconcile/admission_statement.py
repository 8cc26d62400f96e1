"""What a follower signs about the releases that it admitted, for engines that judge no gates.

A policy engine of a cluster verifies signatures and cannot judge a gate. So a follower judges the
gates and signs the result: this digest, in this stage, by this commit, until then. Engines ask for
that statement and for the signature of the build, and never for what a promoter signed.

The statement ends by itself. A follower that runs signs a new one in time. One that is gone, or
that refuses the release by now, signs none, and after the end nothing of the release starts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.oci.store import Store
from goldenpath.release.attest.policy import Demand, Finding, Policy, TrustedKey
from goldenpath.release.attest.statement import (
    Statement,
    admitted_type,
    parse_time,
    render_time,
    text_member,
)
from goldenpath.release.attest.verify import Reading, gather, judge, unread_error

VALID = timedelta(days=14)
"""How long a statement counts. A release that is refused meanwhile may start until then."""
_VERSION = 1


@dataclass(frozen=True, slots=True)
class StandingAdmission:
    """One statement: the release was admitted to the stage, by the state of git at the commit."""

    digest: Digest
    stage: str
    model: str
    commit: str
    expires: datetime

    def statement(self) -> Statement:
        """Return the statement, to be signed."""
        predicate: dict[str, JsonValue] = {
            "version": _VERSION,
            "stage": self.stage,
            "model": self.model,
            "commit": self.commit,
            "expires": render_time(self.expires),
        }
        return Statement((self.digest,), admitted_type(self.stage), predicate)


def read_admission(digest: Digest, stage: str, statement: Statement) -> StandingAdmission | None:
    """Return what a verified statement says about a release in a stage; None if it says less."""
    content = dict(statement.predicate)
    is_about = statement.predicate_type == admitted_type(stage) and content.get("stage") == stage
    if not is_about or content.get("version") != _VERSION or set(statement.subjects) != {digest}:
        return None
    try:
        expires = parse_time(text_member(content, "expires"))
    except InvalidInput:
        return None
    names = text_member(content, "model"), text_member(content, "commit")
    return StandingAdmission(digest, stage, *names, expires) if all(names) else None


def standing_admission(
    store: Store, digest: Digest, stage: str, *, keys: Sequence[TrustedKey], now: datetime
) -> StandingAdmission | None:
    """Return the admission that lasts longest; None if there is none, or it has ended.

    Only `keys` count: neither a build key nor a person admits. Raises `NotFound` if the store has
    no such release, `Unavailable` if no statement was found and not all could be read.
    """
    policy = Policy(tuple(keys), (admitted_type(stage),))
    documents = gather(store, digest, reading=Reading(Demand(digest, policy, (), now)))
    verified = judge(digest, documents, policy, (), now=now)
    read = (
        read_admission(digest, stage, each.statement)
        for each in verified.of_type(admitted_type(stage))
    )
    standing = [each for each in read if each is not None and each.expires > now]
    if not standing and verified.unread:
        raise unread_error(verified, "nobody admitted it")
    return max(standing, key=lambda each: each.expires, default=None)


@dataclass(frozen=True, slots=True)
class AdmissionCase:
    """A release that git declares in a stage, as a follower judged it."""

    stage: str
    model: str
    digest: Digest
    findings: tuple[Finding, ...]
    standing: StandingAdmission | None

    @property
    def refusal(self) -> str:
        """Why the release is not admitted; empty if it is."""
        failed = (each for each in self.findings if each.status == "fail")
        return "; ".join(f"{each.check}: {each.message}" for each in failed)


def admission_due(
    case: AdmissionCase, commit: str, now: datetime, valid: timedelta = VALID
) -> StandingAdmission | None:
    """Return the admission that has to be signed now; None if there is nothing to sign.

    What is refused gets none. What has one gets a new one once half of its time is over, so that
    a follower may be away for the other half.
    """
    if case.refusal or not case.findings:
        return None
    if case.standing is not None and case.standing.expires - now > valid / 2:
        return None
    return StandingAdmission(case.digest, case.stage, case.model, commit, now + valid)
