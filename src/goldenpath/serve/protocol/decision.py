"""Answers in words, with decision and reasons, by the contract that is packaged with the model."""

from collections.abc import Sequence

import msgspec
import numpy as np

from goldenpath.project.spec import Contract, ReasonPolicy
from goldenpath.project.task.answer_rules import AnswerRules
from goldenpath.serve.model.model import Scores


class Given(msgspec.Struct, frozen=True):
    """One reason that is given."""

    code: str
    text: str
    weight: float


class PolicyDecision(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer and decision of one row; without an answer it is the fallback of the policy."""

    id: str
    score: float | None
    """The probability, the value in `unit`, or the probability of `class`."""
    band: str | None
    outcome: str | None
    fallback: bool = False
    reasons: list[Given] = []
    """The reasons, largest weight first."""
    label: str | None = msgspec.field(default=None, name="class")
    """The most likely class."""
    probabilities: dict[str, float] | None = None
    """The probability of each class."""
    unit: str = ""


class Decider:
    """The answers of one contract in words."""

    def __init__(self, contract: Contract) -> None:
        self._rules = AnswerRules(contract)
        self._reasons = contract.reasons
        self._unit = contract.value.unit if contract.value is not None else ""

    def decide(
        self, prediction_id: str, numbers: Scores, weights: Scores | None = None
    ) -> Sequence[PolicyDecision]:
        """Return one decision per row, in order; `numbers` has the shape `(n, width)`."""
        rules, decided = self._rules, self._rules.decide(numbers)
        is_answer, main = rules.is_answer(numbers).tolist(), rules.main(numbers).tolist()
        given: Sequence[list[Given]] = [[]] * len(main)
        if self._reasons is not None and weights is not None:
            given = row_reasons(self._reasons, weights)
        places = rules.likeliest(numbers).tolist() if rules.classes else []
        decisions = []
        for row, is_given in enumerate(is_answer):
            band, outcome = decided.bands[row], decided.outcomes[row]
            name = f"{prediction_id}-{row}"
            if not is_given:
                decisions.append(PolicyDecision(name, None, None, outcome, fallback=True))
                continue
            decisions.append(
                PolicyDecision(
                    name,
                    main[row],
                    band,
                    outcome,
                    fallback=bool(decided.fallback[row]),
                    reasons=given[row],
                    label=rules.classes[places[row]] if places else None,
                    probabilities=self._named(numbers[row]) if places else None,
                    unit=self._unit,
                )
            )
        return decisions

    def _named(self, numbers: Scores) -> dict[str, float]:
        return dict(zip(self._rules.classes, numbers.tolist(), strict=True))


def row_reasons(policy: ReasonPolicy, weights: Scores) -> list[list[Given]]:
    """Return the reasons of each row: those that raised the score, largest weight first."""
    order = np.argsort(-weights, axis=1, kind="stable")[:, : policy.most]
    largest = np.take_along_axis(weights, order, axis=1)
    return [
        [
            Given(policy.codes[place].code, policy.codes[place].text, weight)
            for place, weight in zip(places, found, strict=True)
            if weight > 0
        ]
        for places, found in zip(order.tolist(), largest.tolist(), strict=True)
    ]
