"""Scenes as values, so that acts are tested without git, a store or a clock."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from goldenpath.digest import Digest
from goldenpath.promote.acts.scene import ReleaseScene, StageScene, TrustScene
from goldenpath.promote.gates.gate import Evidence
from goldenpath.promote.manifests.desired import Deployment, Placement, Rollout, Slot, slot_name
from goldenpath.promote.platform.break_glass import BreakGlass, BreakGlassRules
from goldenpath.promote.platform.platform import FILE, Platform, Stage
from goldenpath.release.attest.policy import Finding, Person, SignedStatement, Verified
from goldenpath.release.attest.statement import Statement
from tests.promote.example import line, platform
from tests.promote.road import CONTRACT

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MODEL = "credit"
ONE, TWO, THREE = (Digest.of(word) for word in (b"one", b"two", b"three"))
DECISION = Digest.of(b"decision")
HEAD = "c" * 40
WHY = "customers are harmed by the release before"
PROD = Stage("prod", ("evidence",), approver_roles=("validator", "risk-manager"), training="any")
"""Takes a model whatever is known of its training: these releases have no provenance."""
PEOPLE = {
    "platform-engineer": Person("platform-engineer", ("platform-engineer",), line("E")),
    "validator": Person("validator", ("validator",), line("V")),
    "risk-manager": Person("risk-manager", ("risk-manager",), line("M")),
}
MACHINE = Person("rollout", (), line("R"))
BREAK_GLASS_RECORD = BreakGlass("platform-engineer", WHY, NOW, NOW + timedelta(hours=4))
RULE = BreakGlassRules(timedelta(hours=4))


def town(stage: Stage = PROD) -> Platform:
    """A platform whose last stage is the given one."""
    dev = Stage("dev", ("evidence",))
    return replace(platform(), stages=(dev, stage), people=tuple(PEOPLE.values()))


def deployment(*shares: tuple[Digest, int]) -> Deployment:
    """What prod runs: releases and their percent of the traffic."""
    slots = tuple(Slot(slot_name(digest), digest, percent) for digest, percent in shares)
    return Deployment("prod", MODEL, slots)


def placed(digest: Digest, **changes: object) -> Placement:
    """How a release got into prod."""
    made = Placement(
        digest, None, "https://git.example/credit", "a" * 40, Rollout((10, 50, 100)), (), DECISION
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def scene(
    *shares: tuple[Digest, int],
    person: Person = PEOPLE["platform-engineer"],
    stage: Stage = PROD,
    now: datetime = NOW,
    **placement: object,
) -> StageScene:
    """The model in prod, or without shares a stage that does not run it."""
    empty = StageScene(HEAD, town(stage), stage, MODEL, person, now)
    if not shares:
        return empty
    return replace(
        empty, deployment=deployment(*shares), placement=placed(shares[-1][0], **placement)
    )


def verified(digest: Digest, *statements: SignedStatement, fault: str = "") -> Verified:
    """A release that verifies, unless it has a fault."""
    findings = (Finding("signature", "fail" if fault else "pass", fault or "holds"),)
    return Verified(digest, statements, findings)


def signed(statement: Statement, signer: str) -> SignedStatement:
    """A statement as the verifier hands it on."""
    envelope = Digest.of(statement.render() + signer.encode())
    return SignedStatement(statement, signer, envelope, "person")


def release_scene(
    stage: StageScene, digest: Digest = TWO, *, fault: str = "", actor: str = ""
) -> ReleaseScene:
    """A release before the one gate of prod."""
    evidence = Evidence(
        digest=digest,
        model=MODEL,
        verified=verified(digest, fault=fault),
        contract=CONTRACT,
        documents={},
        live=None,
        before_since=None,
        actor=actor or stage.person.name,
        platform=stage.platform,
    )
    return ReleaseScene(stage, evidence)


def trust_scene(
    person: str = "platform-engineer",
    *,
    is_set_up: bool = True,
    files: Sequence[tuple[str, bytes]] = ((FILE, b"old"),),
) -> TrustScene:
    """What is trusted, before somebody changes it."""
    return TrustScene(HEAD, town(), PEOPLE[person], NOW, "b" * 40, is_set_up, dict(files))
