"""The suite `http`: what callers try, and the limits and rules that refuse it."""

from goldenpath.attacks.callers import (
    certificate_attacks,
    field_attacks,
    limit_attacks,
    smuggling_attacks,
    token_attacks,
)
from goldenpath.attacks.callers.caller_scene import (
    OF_CALLERS,
    OF_FIELDS,
    OF_LIMITS,
    CallerAttack,
    CallerScene,
)
from goldenpath.attacks.callers.certificate_attacks import OF_CERTIFICATES
from goldenpath.attacks.callers.lenient_reading import REWRITES
from goldenpath.attacks.callers.token_attacks import OF_TOKENS
from goldenpath.release.attacks.suite import AttackSuite, AttackTrial

ATTACKS: tuple[CallerAttack, ...] = (
    *smuggling_attacks.ATTACKS,
    *limit_attacks.ATTACKS,
    *field_attacks.ATTACKS,
    *token_attacks.ATTACKS,
    *certificate_attacks.ATTACKS,
)
CONTROLS = (*REWRITES, *OF_LIMITS, *OF_FIELDS, *OF_CALLERS, *OF_TOKENS, *OF_CERTIFICATES)


def http_suite() -> AttackSuite:
    """Return the suite. Each attack has a listener of its own."""
    return AttackSuite(
        "http", ATTACKS, CONTROLS, lambda without: [_trial(each, without) for each in ATTACKS]
    )


def _trial(attack: CallerAttack, without: frozenset[str]) -> AttackTrial:
    scene = CallerScene(without, answers=attack.answers)
    if attack.attempt(scene):
        return AttackTrial(True, {})
    reason = scene.refusals[0] if scene.refusals else scene.reason
    return AttackTrial(False, {attack.control: reason})
