"""Decides whether a release may run in a stage, before anything of it is loaded.

The gates of the stage are judged here again, from the evidence and the commits. The decision that a
promoter signed is a record: it says who promoted, and on which approvals and waivers.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.oci.store import Store
from goldenpath.promote.gates.admission_policy import release_policy
from goldenpath.promote.gates.approval import confirmed, second_people, time_refusal
from goldenpath.promote.gates.follower_verdict import EntryFacts, rejudged
from goldenpath.promote.gates.waiver import Excuse, excuses
from goldenpath.promote.manifests.desired import Deployment
from goldenpath.promote.platform.break_glass import BreakGlass, may_use_break_glass
from goldenpath.promote.platform.platform import Platform, Stage
from goldenpath.promote.repository.chain_of_trust import Trusted
from goldenpath.promote.workspace.entry_reader import EntryReader
from goldenpath.promote.workspace.stage_history import StageHistory
from goldenpath.release.attest.policy import Finding, SignedStatement, Verified
from goldenpath.release.attest.statement import DECISION, cited, member
from goldenpath.release.attest.verify import verify


def admit(
    store: Store,
    trusted: Trusted,
    deployment: Deployment,
    digest: Digest,
    *,
    history: StageHistory,
    now: datetime,
    break_glass: BreakGlass | None = None,
) -> tuple[Finding, ...]:
    """Return the finding of every check of a release for a stage. It is admitted if none failed.

    `break_glass` is the break-glass record of the deployment that still waits for a second person.
    Every byte of the image is read. Raises `NotFound` if the store has no such release.
    """
    platform = trusted.platform
    policy = release_policy(platform)
    seen = history.statement_times(trusted, now)
    verified = verify(store, digest, policy, people=platform.people, now=now, blobs=True, seen=seen)
    facts: tuple[EntryFacts, ...] = ()
    if asks_gates(platform, deployment.stage):
        entries = history.entries(trusted, deployment.stage, deployment.model, digest)
        facts = EntryReader(store, platform, now, seen=seen).facts(verified, entries)
    return judged(verified, platform, deployment, now, facts=facts, break_glass=break_glass)


def asks_gates(platform: Platform, name: str) -> bool:
    """Whether a stage asks any gate. Raises `InvalidInput` if the platform has no such stage."""
    stage = platform.stage(name)
    if stage is None:
        raise InvalidInput(f"the stage {name!r} is not in platform.toml")
    return bool(stage.gates) or any(name in each.stages for each in platform.own_gates)


def judged(
    verified: Verified,
    platform: Platform,
    deployment: Deployment,
    now: datetime,
    *,
    facts: Sequence[EntryFacts],
    break_glass: BreakGlass | None = None,
) -> tuple[Finding, ...]:
    """Return the findings for a deployment that follow from what is verified about its release.

    `facts` are those of each entry of the release into the stage, the newest first.
    """
    stage = platform.stage(deployment.stage)
    if stage is None:
        raise InvalidInput(f"the stage {deployment.stage!r} is not in platform.toml")
    if not asks_gates(platform, stage.name):
        message = f"the stage {stage.name} has no gates"
        return (*verified.findings, Finding("decision", "not applicable", message))
    if not verified.holds and not facts:
        return verified.findings  # what does not verify is not judged, and not admitted
    case = _Case(verified, stage, platform, deployment.model, break_glass)
    verdicts = (_verdict(case, each) for each in facts)
    newest: _EntryVerdict | None = None
    for verdict in verdicts:
        newest = newest or verdict
        if verdict.is_open:
            return (*verified.findings, *verdict.findings(case, now))
    last = (_undecided(case),) if newest is None else newest.findings(case, now)
    return (*verified.findings, *last)


def missing(verified: Verified, named: Collection[Digest]) -> tuple[Digest, ...]:
    """Return the envelopes that a commit relies on and the store did not return, sorted.

    `named` are the envelopes that the commit names. A decision among them cites approvals,
    waivers and statements of machines: the commit relies on those as well.
    """
    names = set(named)
    for decision in verified.of_type(DECISION):
        if decision.envelope in names:
            names.update(cited(decision.statement.predicate))
    return tuple(sorted(names - verified.present))


def lapsed(
    verified: Verified,
    stage: Stage,
    platform: Platform,
    model: str,
    *,
    now: datetime,
    break_glass: BreakGlass | None,
) -> tuple[str, ...]:
    """Return one sentence for each waiver that a release relies on and that has ended."""
    case = _Case(verified, stage, platform, model, break_glass)
    standing = next(_standing(case, None), None)
    excused = () if standing is None else standing.excused
    return tuple(each.summary(now) for each in excused if each.until <= now)


@dataclass(frozen=True, slots=True)
class _Case:
    """A release before a stage, with everything that is verified about it."""

    verified: Verified
    stage: Stage
    platform: Platform
    model: str
    break_glass: BreakGlass | None


@dataclass(frozen=True, slots=True)
class _Standing:
    """A valid decision, with the approvals and waivers that support it."""

    decision: SignedStatement
    approvals: tuple[SignedStatement, ...]
    excused: tuple[Excuse, ...]

    @property
    def approved(self) -> tuple[str, ...]:
        """Names of the people who approved, each once."""
        return tuple(sorted({each.signer for each in self.approvals}))

    @property
    def cited(self) -> frozenset[Digest]:
        """The evidence that the decision cites."""
        return cited(self.decision.statement.predicate)


@dataclass(frozen=True, slots=True)
class _EntryVerdict:
    """What follows for one entry of the release into the stage."""

    standing: _Standing | None
    gates: tuple[Finding, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether a valid decision stands and no gate is closed."""
        return self.standing is not None and all(each.status != "fail" for each in self.gates)

    def findings(self, case: _Case, now: datetime) -> tuple[Finding, ...]:
        """Return closed gates, the decision, and the waivers; one that has ended says so."""
        if self.standing is None:
            return (_undecided(case),)
        names = ", ".join(self.standing.approved)
        by = f", approved by {names}" if names else ""
        message = f"promoted to {case.stage.name} by {self.standing.decision.signer}{by}"
        waived = (Finding("waiver", "waived", e.summary(now)) for e in self.standing.excused)
        closed = tuple(each for each in self.gates if each.status == "fail")
        count = f"{len(self.gates)} gates were judged again, {len(closed)} are closed"
        judged_again = () if closed else (Finding("gates", "pass", count),)
        return (*closed, *judged_again, Finding("decision", "pass", message), *waived)


def _verdict(case: _Case, facts: EntryFacts) -> _EntryVerdict:
    """Return the first verdict without a closed gate, by any valid decision; else the last one."""
    last = _EntryVerdict(None)
    for standing in _standing(case, facts.entry.time):
        gates = rejudged(
            facts,
            case.verified,
            case.platform,
            case.stage,
            model=case.model,
            approvals=standing.approvals,
            cited=standing.cited,
        )
        excused = {each.gate for each in standing.excused}
        last = _EntryVerdict(standing, tuple(_excused(each, excused) for each in gates))
        if last.is_open:
            break
    return last


def _excused(finding: Finding, gates: Collection[str]) -> Finding:
    if finding.status != "fail" or finding.check not in gates:
        return finding
    return Finding(finding.check, "waived", finding.message, finding.cure)


def _undecided(case: _Case) -> Finding:
    name = case.stage.name
    return Finding(
        "decision",
        "fail",
        f"nobody who is listed has signed a promotion to {name} that "
        f"{case.stage.approvals} approvals, and a waiver for each gate that was waived, "
        "stand behind",
        f"run goldenpath promote {case.verified.subject.short} --stage {name}",
    )


def _standing(case: _Case, at: datetime | None) -> Iterator[_Standing]:
    """Yield each valid decision for the stage and model; `at` None takes its own time."""
    stage, verified, platform = case.stage, case.verified, case.platform
    for signed in verified.of_type(DECISION):
        predicate = signed.statement.predicate
        place = (predicate.get("stage"), predicate.get("model"))
        moment = at or signed.statement.signed_at
        is_here = place == (stage.name, case.model) and predicate.get("allowed") is True
        if not is_here or moment is None or _has_left(signed.signer, platform, moment):
            continue
        approved = confirmed(signed, verified, stage, platform, at=moment)
        needed = stage.approvals
        if stage.break_glass is not None and _is_break_glass(signed, case, moment):
            needed = min(stage.approvals, stage.break_glass.approvals)
        excused = excuses(signed, verified, stage, platform, at=moment)
        if len({each.signer for each in approved}) >= needed and excused is not None:
            yield _Standing(signed, approved, excused)


def _has_left(name: str, platform: Platform, at: datetime) -> bool:
    person = next((each for each in platform.people if each.name == name), None)
    return person is not None and bool(time_refusal(person, at))


def _is_break_glass(decision: SignedStatement, case: _Case, at: datetime) -> bool:
    """Tell whether an allowed person used break-glass and git records it as open or confirmed."""
    stage, platform = case.stage, case.platform
    by = member(decision.statement.predicate.get("breakGlass"), "by")
    person = next((each for each in platform.people if each.name == decision.signer), None)
    if stage.break_glass is None or person is None or by != person.name:
        return False
    is_open = case.break_glass is not None and case.break_glass.by == by
    second = second_people(decision, case.verified, stage, platform, at=at)
    return may_use_break_glass(person, stage.break_glass) and (is_open or bool(second))
