"""Suites of attacks: each attack is refused by its control, and every control is needed.

A suite says how all its attacks go while some of its controls are switched off. Each attack must be
refused by the control that it names. With that control switched off, exactly its attacks must
succeed. If fewer succeed, another control refused them. If more succeed, another control does not
do its part. An attack that shows nothing on this machine is left out, with the reason.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


class NamedAttack(Protocol):
    """One attack, and the control that has to refuse it."""

    @property
    def name(self) -> str:
        """A sentence that says what the attacker does."""

    @property
    def control(self) -> str:
        """The name of the control."""


@dataclass(frozen=True, slots=True)
class AttackTrial:
    """How one attack went."""

    succeeded: bool
    reasons: Mapping[str, str]
    """The controls that refused it, each with its reason."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An attack that is not tried on this machine. Nothing is claimed about it here."""

    attack: str
    control: str
    reason: str


@dataclass(frozen=True, slots=True)
class AttackSuite:
    """The attacks on one part of the product."""

    name: str
    attacks: Sequence[NamedAttack]
    controls: Sequence[str]
    trials: Callable[[frozenset[str]], Sequence[AttackTrial]]
    """Tries every attack without some controls, and returns the trials in the order of attacks."""
    left_out: tuple[LeftOut, ...] = ()


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
    left_out: tuple[LeftOut, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing could be tried, so that nothing was shown."""
        return not self.outcomes

    @property
    def holds(self) -> bool:
        """Whether every attack that was tried was refused, and every control of them is needed."""
        refused = all(outcome.refused for outcome in self.outcomes)
        exact = all(ablation.exact for ablation in self.ablations)
        return not self.is_empty and refused and exact


def run(
    suite: AttackSuite, progress: Callable[[Sequence[str]], Iterable[str]] = iter
) -> SuiteResult:
    """Try each attack with every control, then without each control in turn.

    `progress` gets the names of the controls, and returns them one by one as the work goes on.
    """
    if not suite.attacks:
        return SuiteResult((), (), suite.left_out)
    trials = suite.trials(frozenset())
    outcomes = zip(suite.attacks, trials, strict=True)
    return SuiteResult(
        tuple(_outcome(attack, trial) for attack, trial in outcomes),
        tuple(_ablation(suite, control) for control in progress(suite.controls)),
        suite.left_out,
    )


def _outcome(attack: NamedAttack, trial: AttackTrial) -> AttackOutcome:
    refused = attack.control in trial.reasons and not trial.succeeded
    others = ", ".join(trial.reasons) or "the attack succeeded"
    reason = trial.reasons.get(attack.control, f"not refused by it; {others}")
    return AttackOutcome(attack.name, attack.control, refused, reason)


def _ablation(suite: AttackSuite, control: str) -> Ablation:
    trials = zip(suite.attacks, suite.trials(frozenset({control})), strict=True)
    return Ablation(
        control,
        tuple(attack.name for attack, trial in trials if trial.succeeded),
        tuple(attack.name for attack in suite.attacks if attack.control == control),
    )
