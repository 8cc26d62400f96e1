"""Gathers what the gates look at: the release, what is live, and since when, then lets them judge.

The verdict is the same from a laptop, in CI and at promotion, since all three come here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound, did_you_mean
from goldenpath.oci.store import Store
from goldenpath.project.contract import parse_contract
from goldenpath.project.spec import Contract
from goldenpath.project.statements import CARD
from goldenpath.promote.gates.admission_policy import release_policy
from goldenpath.promote.gates.approval import approvals, evidence_seen
from goldenpath.promote.gates.fact_gates import GATES
from goldenpath.promote.gates.gate import Decision, Evidence, Live, judge_all
from goldenpath.promote.gates.waiver import overrule, waivers
from goldenpath.promote.gates.written_gates import written_gates
from goldenpath.promote.manifests.deployment_files import (
    parse_deployments,
    release_path,
    service_path,
)
from goldenpath.promote.manifests.desired import Deployment, Placement
from goldenpath.promote.manifests.placement import parse_placement
from goldenpath.promote.platform.break_glass import BreakGlass, break_glass, rule_of
from goldenpath.promote.platform.break_glass import overrule as overrule_people
from goldenpath.promote.platform.platform import Platform, Stage
from goldenpath.promote.repository.chain_of_trust import Trusted
from goldenpath.promote.repository.worktree import Repository
from goldenpath.release.artifact.pack import CONTRACT, FRAME
from goldenpath.release.artifact.unpack import open_release
from goldenpath.release.attest.policy import Finding, Verified
from goldenpath.release.attest.statement import DECISION, Statement
from goldenpath.release.attest.verify import verify
from goldenpath.release.evidence.attached_rows import fetch_rows
from goldenpath.release.evidence.training_statements import evaluation_of, metrics_of, origin_of
from goldenpath.train.evaluation.evaluation_rows import MAX_BYTES, Rows, parse_rows


@dataclass(frozen=True, slots=True)
class Assessed:
    """A release before the gates of a stage, and what they said."""

    evidence: Evidence
    stage: Stage
    decision: Decision
    current: Deployment | None
    """What the stage runs of this model now."""
    approved_by: tuple[str, ...]
    """Names of those whose approval counted."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The small parts of a release."""

    contract: Contract
    documents: Mapping[str, bytes]


def stage_of(platform: Platform, name: str) -> Stage:
    """The stage of that name. Raises `InvalidInput` naming those that there are."""
    stage = platform.stage(name)
    if stage is None:
        known = [each.name for each in platform.stages]
        raise InvalidInput(
            f"{name!r} is not a stage: expected one of {', '.join(known)}",
            hint=did_you_mean(name, known),
        )
    return stage


def unknown_model(repository: Repository, trusted: Trusted, model: str, stage: str) -> NotFound:
    """The error for a model that git does not want in a stage; its hint names the likely one."""
    hint = similar_model(repository, trusted, model) or "goldenpath status shows what is where"
    return NotFound(f"{model} is not in {stage}", hint=hint)


def similar_model(repository: Repository, trusted: Trusted, model: str) -> str | None:
    """A hint if a model that is in some stage has nearly this name; None otherwise."""
    paths = (path.split("/") for path in repository.entries(trusted.commit, "envs/"))
    return did_you_mean(model, sorted({parts[2] for parts in paths if len(parts) > 3}))


def deployment_of(
    repository: Repository, trusted: Trusted, stage: str, model: str
) -> Deployment | None:
    """What git wants of a model in a stage; None if nothing."""
    path = service_path(stage, model)
    content = repository.read(trusted.commit, path)
    if content is None:
        return None
    (deployment,) = parse_deployments({path: content}, trusted.platform)
    return deployment


def placement_of(
    repository: Repository, trusted: Trusted, stage: str, model: str
) -> Placement | None:
    """The release file of a deployment; None without one."""
    path = release_path(stage, model)
    content = repository.read(trusted.commit, path)
    return None if content is None else parse_placement(content, path)


def assess(
    repository: Repository,
    trusted: Trusted,
    store: Store,
    digest: Digest,
    stage_name: str,
    actor: str,
    now: datetime,
    *,
    glass: str = "",
) -> Assessed:
    """Lets the gates of a stage judge a release.

    With a reason to break the `glass`, neither missing approvals nor a freeze stop it. Raises
    `NotFound` if the store does not have it, `VerificationError` if its bytes are not those of its
    digest.
    """
    platform = trusted.platform
    stage = stage_of(platform, stage_name)
    verified = verify(store, digest, release_policy(platform), people=platform.people, now=now)
    opened = _open(store, digest)
    model = opened.contract.name
    current = deployment_of(repository, trusted, stage.name, model)
    before = platform.before(stage)
    evidence = Evidence(
        digest=digest,
        model=model,
        verified=verified,
        contract=opened.contract,
        documents=opened.documents,
        live=None if current is None else _live(store, current, platform, now),
        before_since=(
            None if before is None else stable_since(repository, trusted, before, model, digest)
        ),
        actor=actor,
        platform=platform,
        rows=None if current is None else _rows(store, verified),
    )
    return _decided(evidence, stage, current, now, glass)


def stable_since(
    repository: Repository, trusted: Trusted, stage: Stage, model: str, digest: Digest
) -> datetime | None:
    """Since when git wants `digest` as the stable release there without a break; None if not."""
    path = service_path(stage.name, model)
    since = None
    for commit in repository.history(path, to=trusted.commit):
        content = repository.read(commit.id, path)
        if content is None:
            break
        (deployment,) = parse_deployments({path: content}, trusted.platform)
        if deployment.slots[0].digest != digest or deployment.stopped:
            break
        since = commit.time
    return since


def decision_statement(decision: Decision) -> Statement:
    """The decision as a statement about the release."""
    findings: list[JsonValue] = [
        {"check": each.check, "status": each.status, "message": each.message}
        for each in decision.findings
    ]
    approved: list[JsonValue] = [each.text for each in decision.approvals]
    seen: list[JsonValue] = [each.text for each in decision.evidence]
    excused: list[JsonValue] = [each.text for each in decision.waivers]
    predicate: dict[str, JsonValue] = {
        "version": 1,
        "allowed": decision.allowed,
        "model": decision.model,
        "stage": decision.stage,
        "actor": decision.actor,
        "decidedAt": decision.decided_at,
        "findings": findings,
        "approvals": approved,
        "evidence": seen,
        "waivers": excused,
    }
    if decision.glass is not None:
        predicate["breakGlass"] = decision.glass.to_json()
    return Statement((decision.digest,), DECISION, predicate)


def source_of(verified: Verified) -> tuple[str, str]:
    """Repository and commit that the release was built from, as its provenance says."""
    origin = origin_of(verified)
    return ("", "") if origin is None else (origin.repository, origin.commit)


def _decided(
    evidence: Evidence, stage: Stage, current: Deployment | None, now: datetime, reason: str
) -> Assessed:
    counted = {
        word.envelope: word.person for word in approvals(evidence, stage, now) if not word.refused
    }
    signed = waivers(evidence, stage, now)
    gates = (*GATES, *written_gates(evidence.platform))
    findings = overrule(judge_all(gates, evidence, stage, now), signed)
    waived = {finding.check for finding in findings if finding.status == "waived"}
    findings, people = (*findings, *_freeze(stage, now)), sorted(set(counted.values()))
    glass = _glass(evidence, stage, reason, now) if reason else None
    if glass is not None:
        findings = overrule_people(findings, glass, len(people), rule_of(stage))
    decision = Decision(
        digest=evidence.digest,
        model=evidence.model,
        stage=stage.name,
        decided_at=now.isoformat(timespec="seconds"),
        actor=evidence.actor,
        findings=findings,
        approvals=tuple(sorted(counted)),
        evidence=evidence_seen(evidence.verified),
        waivers=tuple(
            sorted(each.envelope for each in signed if each.gate in waived and not each.refused)
        ),
        glass=glass,
    )
    return Assessed(evidence, stage, decision, current, tuple(people))


def _glass(evidence: Evidence, stage: Stage, reason: str, now: datetime) -> BreakGlass:
    people = evidence.platform.people
    person = next((each for each in people if each.name == evidence.actor), None)
    if person is None:
        raise InvalidInput(f"{evidence.actor} is not a person: only people break the glass")
    return break_glass(stage, person, reason, now)


def _freeze(stage: Stage, now: datetime) -> tuple[Finding, ...]:
    """Behind the waivers, since nobody waives a freeze."""
    freeze = stage.frozen(now)
    if freeze is None:
        return ()
    end = freeze.end.isoformat(timespec="minutes")
    return (
        Finding(
            "freeze",
            "fail",
            f"nothing new enters {stage.name} until {end}: {freeze.reason}",
            f"wait until {end}; goldenpath rollback works all the time",
        ),
    )


def _live(store: Store, current: Deployment, platform: Platform, now: datetime) -> Live | None:
    digest = current.slots[0].digest
    try:
        opened = _open(store, digest)
    except NotFound as error:
        raise NotFound(
            f"the live release of {current.name} is not in the registry: {digest}",
            hint="copy it there with goldenpath copy; without it nothing can be compared",
        ) from error
    verified = verify(store, digest, release_policy(platform), now=now)
    return Live(digest, opened.contract, metrics_of(verified), _rows(store, verified))


def _rows(store: Store, verified: Verified) -> Rows | None:
    """The evaluation rows that the signed metrics name; None if there are none in the store."""
    evaluation = evaluation_of(verified)
    if evaluation is None:
        return None
    content = fetch_rows(store, evaluation.rows_digest, evaluation.rows_size, MAX_BYTES)
    return None if content is None else parse_rows(content)


def _open(store: Store, digest: Digest) -> Opened:
    files = open_release(store, digest).files
    contract = files.get(CONTRACT)
    if contract is None:
        raise InvalidInput(f"{digest} is not a release: it has no {CONTRACT}")
    documents = {
        path.removeprefix(f"{FRAME}/"): content
        for path, content in files.items()
        if path.startswith(f"{FRAME}/")
    }
    if "card.md" in documents:
        documents[CARD] = documents.pop("card.md")
    return Opened(parse_contract(contract), documents)
