"""Runs the attacks, and shows that every control is needed.

Each attack must be refused by the control that it names. With that control switched off, exactly
its attacks must succeed. If fewer succeed, another control refused them. If more succeed, another
control does not do its part.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from goldenpath.oci.store import Store
from goldenpath.release.attacks import (
    claim_attacks,
    registry_attacks,
    release_attacks,
    signature_attacks,
)
from goldenpath.release.attacks.attack import Attack
from goldenpath.release.attacks.attack_scene import Attempt, stage
from goldenpath.release.attest.controls import OF_RELEASES, OF_STATEMENTS
from goldenpath.release.attest.documents import Documents
from goldenpath.release.attest.examination import examine
from goldenpath.release.attest.verify import gather

SUPPLY_CHAIN: tuple[Attack, ...] = (
    *registry_attacks.ATTACKS,
    *signature_attacks.ATTACKS,
    *claim_attacks.ATTACKS,
    *release_attacks.ATTACKS,
)

CONTROLS: tuple[str, ...] = (
    *(control.name for control in OF_STATEMENTS),
    *(control.name for control in OF_RELEASES),
)


@dataclass(frozen=True, slots=True)
class AttackOutcome:
    """The outcome of one attack."""

    attack: str
    control: str
    """The control that refused it, or should have refused it."""
    refused: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Ablation:
    """The attacks that succeed while one control is switched off."""

    control: str
    succeeded: tuple[str, ...]
    expected: tuple[str, ...]

    @property
    def exact(self) -> bool:
        """Whether exactly the attacks of this control succeeded, and there is at least one."""
        return bool(self.expected) and self.succeeded == self.expected


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """The outcome of every attack, and of switching off every control."""

    outcomes: tuple[AttackOutcome, ...]
    ablations: tuple[Ablation, ...]

    @property
    def holds(self) -> bool:
        """Whether every attack was refused and every control is needed."""
        refused = all(outcome.refused for outcome in self.outcomes)
        return refused and all(ablation.exact for ablation in self.ablations)


@dataclass(frozen=True, slots=True)
class _Prepared:
    attack: Attack
    attempt: Attempt
    documents: Documents


def run(fresh: Callable[[], Store], attacks: Sequence[Attack] = SUPPLY_CHAIN) -> SuiteResult:
    """Run each attack on its own release in a `fresh` store."""
    prepared = [_prepare(fresh(), attack) for attack in attacks]
    return SuiteResult(
        tuple(_outcome(each) for each in prepared),
        tuple(_ablation(control, prepared) for control in CONTROLS),
    )


def _prepare(store: Store, attack: Attack) -> _Prepared:
    attempt = attack.prepare(stage(store))
    return _Prepared(attack, attempt, gather(attempt.store, attempt.digest, blobs=True))


def _outcome(prepared: _Prepared) -> AttackOutcome:
    attempt, attack = prepared.attempt, prepared.attack
    examination = examine(attempt.digest, prepared.documents, attempt.demand)
    refusals = {refusal.control: refusal.reason for refusal in examination.refusals}
    failed = {
        finding.check: finding.message
        for finding in examination.verified.findings
        if finding.status == "fail"
    }
    reasons = failed | refusals
    refused = attack.control in reasons and not attempt.succeeded(examination.verified)
    others = ", ".join(reasons) or "the attack succeeded"
    reason = reasons.get(attack.control, f"not refused by it; {others}")
    return AttackOutcome(attack.name, attack.control, refused, reason)


def _ablation(control: str, prepared: Sequence[_Prepared]) -> Ablation:
    off = frozenset({control})
    return Ablation(
        control,
        tuple(each.attack.name for each in prepared if _succeeds(each, off)),
        tuple(each.attack.name for each in prepared if each.attack.control == control),
    )


def _succeeds(prepared: _Prepared, off: frozenset[str]) -> bool:
    attempt = prepared.attempt
    examination = examine(attempt.digest, prepared.documents, attempt.demand, without=off)
    return attempt.succeeded(examination.verified)
