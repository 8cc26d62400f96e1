"""The suite `supply-chain`: attacks on the verifier of releases, each on a release of its own."""

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
from goldenpath.release.attacks.suite import AttackSuite, AttackTrial
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
class _Prepared:
    attempt: Attempt
    documents: Documents


def supply_chain(
    fresh: Callable[[], Store], attacks: Sequence[Attack] = SUPPLY_CHAIN
) -> AttackSuite:
    """Return the suite, with each attack prepared in a `fresh` store."""
    prepared = [_prepare(fresh(), attack) for attack in attacks]
    return AttackSuite(
        "supply-chain",
        attacks,
        CONTROLS,
        lambda without: [_trial(each, without) for each in prepared],
    )


def _prepare(store: Store, attack: Attack) -> _Prepared:
    attempt = attack.prepare(stage(store))
    return _Prepared(attempt, gather(attempt.store, attempt.digest, blobs=True))


def _trial(prepared: _Prepared, without: frozenset[str]) -> AttackTrial:
    attempt = prepared.attempt
    examination = examine(attempt.digest, prepared.documents, attempt.demand, without=without)
    refusals = {refusal.control: refusal.reason for refusal in examination.refusals}
    failed = {
        finding.check: finding.message
        for finding in examination.verified.findings
        if finding.status == "fail"
    }
    return AttackTrial(attempt.succeeded(examination.verified), failed | refusals)
