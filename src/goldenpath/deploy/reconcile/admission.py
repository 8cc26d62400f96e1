"""Decides whether a release may run in a stage, before anything of it is loaded.

The gates of the stage are judged here again, from the evidence and the commits. The decision that a
promoter signed is a record: it says who promoted, and on which approvals and waivers.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from goldenpath.deploy.reconcile.verdicts import TODAY
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.oci.store import Store
from goldenpath.promote.gates.admission_policy import release_policy
from goldenpath.promote.gates.approval import confirmed, second_people, time_refusal
from goldenpath.promote.gates.authorship import ReleaseChange
from goldenpath.promote.gates.entry_rules import EntryRules, entry_rules
from goldenpath.promote.gates.follower_verdict import EntryFacts, rejudged
from goldenpath.promote.gates.waiver import Excuse, excuses
from goldenpath.promote.manifests.desired import Deployment
from goldenpath.promote.platform.break_glass import BreakGlass, may_use_break_glass
from goldenpath.promote.platform.platform import Platform, Stage
from goldenpath.promote.repository.chain_of_trust import Trusted
from goldenpath.promote.workspace.entry_reader import EntryReader
from goldenpath.promote.workspace.stage_history import StageHistory
from goldenpath.release.attest.documents import Documents
from goldenpath.release.attest.policy import Demand, Finding, SignedStatement, Verified
from goldenpath.release.attest.statement import DECISION, cited, member
from goldenpath.release.attest.verify import Reading, gather, judge, require_all_read


@dataclass(frozen=True, slots=True)
class VerifiedEntry:
    """What is verified about a release, by the rules of its entry and by those of today."""

    then: Verified
    today: Verified


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
    entries = history.entries(trusted, deployment.stage, deployment.model, digest)
    rules = entry_rules(platform, deployment.stage, entries)
    seen = history.statement_times(trusted, now)
    policy = release_policy(rules.then)
    demand = Demand(digest, policy, platform.people, now, seen)
    documents = gather(store, digest, reading=Reading(demand), blobs=True)
    release = verified_by(rules, digest, documents, now=now, seen=seen)
    verified = require_all_read(release.then)
    facts: tuple[EntryFacts, ...] = ()
    if needs_facts(rules, deployment.stage):
        reader = EntryReader(store, policy, platform.people, now, seen=seen)
        facts = reader.facts(verified, entries)
    return judged(release, rules, deployment, now, facts=facts, break_glass=break_glass)


def verified_by(
    rules: EntryRules,
    digest: Digest,
    documents: Documents,
    *,
    now: datetime,
    seen: Mapping[Digest, datetime] | None,
) -> VerifiedEntry:
    """Return what is verified about a release; `seen` is as in `Demand`."""
    people = rules.today.people
    then, today = release_policy(rules.then), release_policy(rules.today)
    verified = judge(digest, documents, then, people, now=now, seen=seen)
    if then == today:
        return VerifiedEntry(verified, verified)
    return VerifiedEntry(verified, judge(digest, documents, today, people, now=now, seen=seen))


def needs_facts(rules: EntryRules, stage: str) -> bool:
    """Whether a gate is asked: by the file of today, or by that of the newest entry."""
    return asks_gates(rules.today, stage) or (rules.differ and asks_gates(rules.then, stage))


def asks_gates(platform: Platform, name: str) -> bool:
    """Whether a stage asks any gate. Raises `InvalidInput` if the platform has no such stage."""
    stage = platform.stage(name)
    if stage is None:
        raise InvalidInput(f"the stage {name!r} is not in platform.toml")
    return bool(stage.gates) or any(name in each.stages for each in platform.own_gates)


def judged(
    release: VerifiedEntry,
    rules: EntryRules,
    deployment: Deployment,
    now: datetime,
    *,
    facts: Sequence[EntryFacts],
    break_glass: BreakGlass | None = None,
) -> tuple[Finding, ...]:
    """Return the findings for a deployment that follow from what is verified about its release.

    `facts` are those of each entry of the release into the stage, the newest first. The rules are
    those of the platform file at the newest entry. If those of today would not let the release in,
    a finding `today` says so, and stops nothing.
    """
    today = _stage(rules.today, deployment.stage)
    stage = _stage(rules.then, deployment.stage)
    case = _Case(release.then, stage, rules.then, deployment.model, break_glass)
    findings = _findings(case, facts, now)
    if not rules.differ or any(each.status == "fail" for each in findings):
        return findings
    anew = replace(case, verified=release.today, stage=today, platform=rules.today)
    closed = [each for each in _findings(anew, facts, now) if each.status == "fail"]
    if not closed:
        return findings
    reasons = "; ".join(f"{each.check}: {each.message}" for each in closed)
    message = f"entered by the rules of its time, and would not pass those of today: {reasons}"
    return (*findings, Finding(TODAY, "not applicable", message))


def _stage(platform: Platform, name: str) -> Stage:
    stage = platform.stage(name)
    if stage is None:
        raise InvalidInput(f"the stage {name!r} is not in platform.toml")
    return stage


def _findings(case: "_Case", facts: Sequence[EntryFacts], now: datetime) -> tuple[Finding, ...]:
    """Return what one set of rules finds; the first entry that they let in counts."""
    verified, stage = case.verified, case.stage
    if not asks_gates(case.platform, stage.name):
        message = f"the stage {stage.name} has no gates"
        return (*verified.findings, Finding("decision", "not applicable", message))
    if not verified.holds and not facts:
        return verified.findings  # what does not verify is not judged, and not admitted
    newest: _EntryVerdict | None = None
    for verdict in (_verdict(case, each) for each in facts):
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
    standing = next(_standing(case, None, None), None)
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

    def change(self, before: Verified | None) -> ReleaseChange:
        """Return the change against the release that the stage ran before."""
        return ReleaseChange(self.verified, self.model, self.stage, self.platform.people, before)


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
    before = None if facts.live is None else facts.live.verified
    for standing in _standing(case, facts.entry.time, before):
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


def _standing(case: _Case, at: datetime | None, before: Verified | None) -> Iterator[_Standing]:
    """Yield each valid decision for the stage and model; `at` None takes its own time.

    `before` is what is verified about the release that the stage ran before the entry.
    """
    stage, verified, platform = case.stage, case.verified, case.platform
    change = case.change(before)
    for signed in verified.of_type(DECISION):
        predicate = signed.statement.predicate
        place = (predicate.get("stage"), predicate.get("model"))
        moment = at or signed.statement.signed_at
        is_here = place == (stage.name, case.model) and predicate.get("allowed") is True
        if not is_here or moment is None or _has_left(signed.signer, platform, moment):
            continue
        approved = confirmed(signed, change, platform, at=moment)
        needed = stage.approvals
        if stage.break_glass is not None and _is_break_glass(signed, case, change, moment):
            needed = min(stage.approvals, stage.break_glass.approvals)
        excused = excuses(signed, change, platform, at=moment)
        if len({each.signer for each in approved}) >= needed and excused is not None:
            yield _Standing(signed, approved, excused)


def _has_left(name: str, platform: Platform, at: datetime) -> bool:
    person = next((each for each in platform.people if each.name == name), None)
    # Whoever was not listed when the release entered promoted nothing.
    return person is None or bool(time_refusal(person, at))


def _is_break_glass(
    decision: SignedStatement, case: _Case, change: ReleaseChange, at: datetime
) -> bool:
    """Tell whether an allowed person used break-glass and git records it as open or confirmed."""
    stage, platform = case.stage, case.platform
    by = member(decision.statement.predicate.get("breakGlass"), "by")
    person = next((each for each in platform.people if each.name == decision.signer), None)
    if stage.break_glass is None or person is None or by != person.name:
        return False
    is_open = case.break_glass is not None and case.break_glass.by == by
    second = second_people(decision, change, platform, at=at)
    return may_use_break_glass(person, stage.break_glass) and (is_open or bool(second))
