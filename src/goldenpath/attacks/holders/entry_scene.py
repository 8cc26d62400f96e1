"""A release on its way into production, as a follower judges it: pure values, honest by default.

A control that is a rule of the platform is switched off in the platform. For the others the scene
holds what somebody would have to believe who did not check: the words of a decision, the name in a
commit, the date of its author.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from goldenpath.attacks.holders.deployment_step import MODEL, ONE, STAGE, TWO, RightsAttack
from goldenpath.attacks.holders.given_judgements import (
    APPROVALS,
    AUTHOR,
    BOTH,
    DAY,
    DECIDED,
    ENGINEER,
    ENTRY_TIME,
    GATES,
    HOUR,
    MANAGER,
    NAME,
    NOW,
    OWN_GATE,
    RULES,
    SCIENTIST,
    SECOND,
    VALIDATOR,
    WAIVERS,
    GivenApproval,
    GivenWaiver,
)
from goldenpath.canonical import JsonValue
from goldenpath.deploy.reconcile.admission import VerifiedEntry, judged
from goldenpath.digest import Digest
from goldenpath.project.spec import Band, Contract, DecisionPolicy, Feature, MonitorSettings
from goldenpath.project.statements import THRESHOLDS
from goldenpath.promote.gates.entry_rules import entry_rules
from goldenpath.promote.gates.fact_gates import CHECKS
from goldenpath.promote.gates.follower_verdict import EntryFacts
from goldenpath.promote.gates.gate import Live
from goldenpath.promote.manifests.desired import Deployment, Slot, StageEntry, slot_name
from goldenpath.promote.platform.custom_gate import NamedGate
from goldenpath.promote.platform.platform import Platform, Stage
from goldenpath.release.attest.policy import Person, SignedStatement, Verified
from goldenpath.release.attest.signatures.ssh_public_key import fingerprint
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.release.attest.statement import (
    DECISION,
    METRICS,
    PROVENANCE,
    SCAN,
    TEST_RESULT,
    Statement,
    render_time,
)
from goldenpath.release.evidence.contributions import Contributions, contributions_record
from goldenpath.train.training_run import Metric

_LIMITS = b"metrics:\n  - metric: roc_auc\n    minimum: 0.85\n"
_SOAK = timedelta(days=7)


@cache
def curve_lines() -> tuple[str, str]:
    """Return one key of an elliptic curve in two spellings: its point whole, and compressed."""
    import base64

    point = ec.generate_private_key(ec.SECP256R1()).public_key()
    whole = point.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    parts = (
        b"ecdsa-sha2-nistp256",
        b"nistp256",
        point.public_bytes(Encoding.X962, PublicFormat.CompressedPoint),
    )
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return whole, f"ecdsa-sha2-nistp256 {base64.b64encode(blob).decode()}"


@cache
def people() -> tuple[Person, ...]:
    """Return the people of the platform. The validator's key is listed in its shorter spelling."""
    keys = {
        name: SshKey.of(Ed25519PrivateKey.generate()).public_line
        for name in (ENGINEER, MANAGER, SCIENTIST)
    } | {VALIDATOR: curve_lines()[1]}
    second = Person(SECOND, (VALIDATOR,), SshKey.of(Ed25519PrivateKey.generate()).public_line)
    return (*(Person(name, (name,), key) for name, key in keys.items()), second)


@dataclass(frozen=True, slots=True)
class EntryScene:
    """One release that entered production, and everything that is signed about it."""

    auc: float = 0.9
    dirty: bool = False
    passed: tuple[str, ...] = CHECKS
    failed: tuple[str, ...] = ()
    found: tuple[str, ...] = ()
    """What the scan of the build found."""
    found_later: tuple[str, ...] = ()
    """What a later scan found. The decision leaves it out."""
    limits_at: datetime = NOW - 410 * DAY
    limits: bytes = _LIMITS
    """The limits by which the run was judged."""
    soaked: timedelta | None = timedelta(days=401)
    """How long before `NOW` it entered the stage before; None if it never did."""
    champion: float | None = None
    """The AUC of the release that ran before."""
    unread: str = ""
    author: str = "data-scientist <somebody@example>"
    signer: str = ""
    """Fingerprint of the key that signed the commit."""
    contributions: Contributions | None = None
    """Who wrote which part; None if the build recorded only who signed the commit."""
    before: Contributions | None = None
    """The same of the release that ran before."""
    before_approved_by: tuple[str, ...] = ()
    loosened: Mapping[str, object] = field(default_factory=dict)
    """What the stage demands today instead of what it demanded when the release entered."""
    promoted: tuple[str, ...] = ()
    """People who got the role of an approver since then."""
    contract: str = MODEL
    decision: Mapping[str, JsonValue] = field(default_factory=dict)
    """What the decision says in other words."""
    is_decided: bool = True
    decided_at: datetime = NOW - HOUR / 2
    approvals: tuple[GivenApproval, ...] = BOTH
    waivers: tuple[GivenWaiver, ...] = ()
    waived: tuple[str, ...] = ()
    """Gates that the decision calls waived."""
    own_gates: tuple[NamedGate, ...] = ()
    leavers: tuple[str, ...] = ()
    """People whose time ended ten days ago."""

    def refusal(self, without: frozenset[str]) -> str:
        """Return why the release is not admitted; empty if it is."""
        scene = _without(self, without)
        then = scene._platform(self._stage(without))
        verified = Verified(TWO, tuple(scene._statements()), ())
        deployment = Deployment(STAGE, MODEL, (Slot(slot_name(TWO), TWO, 100),))
        time = scene.decided_at if ENTRY_TIME in without else NOW
        facts = scene._facts(time, None if RULES in without else then)
        rules = entry_rules(scene._today(then), STAGE, (facts.entry,))
        release = VerifiedEntry(verified, verified)
        findings = judged(release, rules, deployment, NOW, facts=(facts,))
        return "; ".join(each.message for each in findings if each.status == "fail")

    def _stage(self, without: frozenset[str]) -> Stage:
        waived = self.waived if WAIVERS in without else ()
        gates = tuple(each for each in GATES if f"gate {each}" not in without)
        return Stage(
            STAGE,
            (*(each for each in gates if each not in waived), "approvals"),
            approvals=2,
            approver_roles=(VALIDATOR, MANAGER, ENGINEER),
            soak=_SOAK,
        )

    def _platform(self, stage: Stage) -> Platform:
        listed = tuple(
            replace(each, valid_until=NOW - 10 * DAY) if each.name in self.leavers else each
            for each in people()
        )
        return Platform(
            stages=(Stage("test", ("checks",)), stage),
            registry_prefix="registry.example/models",
            registry_store="layout:registry",
            build_keys=(),
            commit_keys=(),
            people=listed,
            two_people=True,
            named_gates=self.own_gates,
        )

    def _today(self, then: Platform) -> Platform:
        """Return the platform file that is in force now."""
        *others, stage = then.stages
        listed = tuple(
            replace(each, roles=(*each.roles, VALIDATOR)) if each.name in self.promoted else each
            for each in then.people
        )
        stages = (*others, replace(stage, **self.loosened))  # type: ignore[arg-type]
        return replace(then, stages=stages, people=listed)

    def _facts(self, time: datetime, platform: Platform | None) -> EntryFacts:
        before = None if self.soaked is None else NOW - self.soaked
        live = None
        if self.champion is not None:
            live = Live(ONE, _contract(MODEL), (_metric(self.champion),), None, self._verified())
        entry = StageEntry("c" * 40, time, None if live is None else ONE, before, platform)
        contract, documents = _contract(self.contract), {THRESHOLDS: _LIMITS}
        return EntryFacts(entry, contract, documents, live, None, self.unread)

    def _verified(self) -> Verified | None:
        """Return what is verified about the release that ran before; None if that is not asked."""
        if self.before is None:
            return None
        made = replace(self, contributions=self.before)._facts_of_build()[PROVENANCE]
        given = (GivenApproval(each, at=NOW - 300 * DAY) for each in self.before_approved_by)
        signed = (_by(each.by, each.statement([])) for each in given)
        return Verified(ONE, (_by_machine(PROVENANCE, made, NOW - 301 * DAY), *signed), ())

    def _statements(self) -> list[SignedStatement]:
        machine = [
            _by_machine(kind, predicate, NOW - 402 * DAY)
            for kind, predicate in self._facts_of_build().items()
        ]
        evidence: list[JsonValue] = [*sorted(each.envelope.text for each in machine)]
        later = [_by_machine(SCAN, _scan(self.found_later), NOW - 2 * HOUR)]
        approvals = [_by(each.by, each.statement(evidence)) for each in self.approvals]
        waivers = [_by(each.by, each.statement()) for each in self.waivers]
        cited = zip(approvals, self.approvals, strict=True)
        used = zip(waivers, self.waivers, strict=True)
        findings: list[JsonValue] = [
            {"check": gate, "status": "waived" if gate in self.waived else "pass"} for gate in GATES
        ]
        predicate: dict[str, JsonValue] = {
            "version": 1,
            "allowed": True,
            "model": MODEL,
            "stage": STAGE,
            "findings": findings,
            "approvals": [each.envelope.text for each, given in cited if given.is_cited],
            "evidence": evidence,
            "waivers": [each.envelope.text for each, given in used if given.is_cited],
            **self.decision,
        }
        decision = _by(ENGINEER, Statement((TWO,), DECISION, predicate, self.decided_at))
        decided = [decision] if self.is_decided else []
        return [*machine, *(later if self.found_later else []), *approvals, *waivers, *decided]

    def _facts_of_build(self) -> Mapping[str, Mapping[str, JsonValue]]:
        internal: dict[str, JsonValue] = {
            "dirty": self.dirty,
            "author": self.author,
            "signer": self.signer,
        }
        if self.contributions is not None:
            internal["contributions"] = contributions_record(self.contributions)
        checks: list[JsonValue] = [
            {"name": name, "passed": name not in self.failed, "detail": "", "seconds": 1.0}
            for name in self.passed
        ]
        return {
            PROVENANCE: {
                "buildDefinition": {
                    "externalParameters": {
                        "repository": "https://git.example/credit",
                        "commit": "a" * 40,
                        "entry": "train",
                        "parameters": {},
                        "seed": 7,
                    },
                    "internalParameters": internal,
                    "resolvedDependencies": [],
                },
                "runDetails": {
                    "builder": {"id": "https://ci.example"},
                    "metadata": {"startedOn": "", "finishedOn": ""},
                },
            },
            TEST_RESULT: {"result": "PASSED", "checks": checks},
            SCAN: _scan(self.found),
            METRICS: {
                "metrics": [_plain(_metric(self.auc))],
                "thresholds_digest": Digest.of(self.limits).text,
                "thresholds_committed_at": render_time(self.limits_at),
                "started_at": render_time(NOW - 403 * DAY),
                "rows": 6000,
                "largest_skew": 0.0,
            },
        }


def _without(scene: EntryScene, without: frozenset[str]) -> EntryScene:
    """Return what somebody would have to believe who does not check."""
    if APPROVALS in without:
        # As if the approvals said what they should; their time is another control's.
        until = min((each.until for each in scene.approvals), default=NOW + DAY)
        seen = all(each.saw_gates for each in scene.approvals)
        good = tuple(replace(each, at=NOW - HOUR, until=until, saw_gates=seen) for each in BOTH)
        scene = replace(scene, approvals=good)
    if AUTHOR in without:
        scene = replace(scene, signer="", contributions=None)
    if DECIDED in without:
        scene = replace(scene, decision={}, is_decided=True)
    if WAIVERS in without:
        scene = replace(scene, waived=())
    if OWN_GATE in without:
        scene = replace(scene, own_gates=())
    return replace(scene, contract=MODEL) if NAME in without else scene


def admissions(control: str, rows: Mapping[str, EntryScene]) -> tuple[RightsAttack, ...]:
    """Return an attack for each release that should not be admitted."""
    return tuple(RightsAttack(name, control, scene.refusal) for name, scene in rows.items())


def validators_fingerprint() -> str:
    """Return the fingerprint of the validator's key in the spelling that is not listed."""
    return fingerprint(curve_lines()[0])


def _by(name: str, statement: Statement) -> SignedStatement:
    return SignedStatement(statement, name, _envelope(name, statement), "person")


def _by_machine(
    kind: str, predicate: Mapping[str, JsonValue], signed_at: datetime
) -> SignedStatement:
    statement = Statement((TWO,), kind, predicate, signed_at)
    return SignedStatement(statement, "build", _envelope("build", statement), "machine")


def _envelope(signer: str, statement: Statement) -> Digest:
    # The name of an envelope: another one for other content, which is all that counts here.
    return Digest.of(repr((signer, statement)).encode())


def _scan(found: Sequence[str]) -> Mapping[str, JsonValue]:
    listed: list[JsonValue] = [
        {"file": "model.pkl", "kind": kind, "detail": "seen"} for kind in found
    ]
    return {"files": 1, "not_searched": [], "found": listed, "licences": []}


def _metric(auc: float) -> Metric:
    return Metric("roc_auc", auc, auc - 0.01, auc + 0.01, 6000)


def _plain(metric: Metric) -> dict[str, JsonValue]:
    return {
        "name": metric.name,
        "value": metric.value,
        "low": metric.low,
        "high": metric.high,
        "rows": metric.rows,
    }


def _contract(name: str) -> Contract:
    decision = DecisionPolicy((Band("all", 1.01, "accept"),))
    return Contract(name, (Feature("age", "number"),), "probability", decision, MonitorSettings())
