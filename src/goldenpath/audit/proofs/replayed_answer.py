"""The comparison of a recorded answer with what its release answers now. Pure functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from goldenpath.observe.log.release_rules import Parts
from goldenpath.project.spec import Contract
from goldenpath.project.task.answer_rules import AnswerRules
from goldenpath.serve.protocol.decision import row_reasons
from goldenpath.train.evaluation.golden import TOLERANCE

State = Literal["equal", "rounding", "different", "not replayed"]
Numbers = NDArray[np.floating]
Recorded = Mapping[str, object]
"""The columns of one record."""
_DECIDED = ("band", "outcome", "class", "fallback_used")
_PARTS = {
    "model_digest": "model",
    "decision_policy_digest": "decision policy",
    "schema_digest": "schema",
    "explainer_digest": "reasons",
}


@dataclass(frozen=True, slots=True)
class ReplayedAnswer:
    """One prediction, and whether its release gives the same answer again."""

    prediction_id: str
    release: str
    state: State
    """`equal` in every bit, `rounding` if only the last digits differ, `different`, or `not
    replayed`."""
    differences: tuple[str, ...] = ()
    """What differs, one sentence each: recorded, then replayed."""
    causes: tuple[str, ...] = ()
    """What explains it; or why it was not replayed."""


def compare_answers(
    records: Sequence[Recorded],
    given: Numbers,
    contract: Contract,
    parts: Parts,
    *,
    causes: tuple[str, ...],
) -> list[ReplayedAnswer]:
    """Return the comparison of each record with the numbers that its release gives now.

    `given` has the shape `(records, numbers and weights of reasons)`. `causes` are known
    differences between the machine of the build and this one.
    """
    rules = AnswerRules(contract)
    numbers, weights = given[:, : rules.width], given[:, rules.width :]
    decided, likeliest = rules.decide(numbers), rules.likeliest(numbers).tolist()
    is_answer, main = rules.is_answer(numbers).tolist(), rules.main(numbers).tolist()
    reasons: Sequence[object] = [None] * len(records)
    if contract.reasons is not None and weights.shape[1]:
        reasons = [[each.code for each in row] for row in row_reasons(contract.reasons, weights)]
    return [
        _compared(
            record,
            {
                "score": main[row] if not np.isnan(main[row]) else None,
                "band": decided.bands[row],
                "outcome": decided.outcomes[row],
                "class": rules.classes[likeliest[row]]
                if rules.classes and is_answer[row]
                else None,
                "fallback_used": bool(decided.fallback[row]) and contract.decision is not None,
                "reasons": reasons[row],
            },
            parts,
            causes,
        )
        for row, record in enumerate(records)
    ]


def _compared(
    record: Recorded, now: Mapping[str, object], parts: Parts, causes: tuple[str, ...]
) -> ReplayedAnswer:
    differences = [
        f"{name}: recorded {record.get(name)}, replayed {now[name]}"
        for name in _DECIDED
        if _is_known(record, name) and record.get(name) != now[name]
    ]
    codes = _codes(record.get("reasons"))
    if codes is not None and codes != now["reasons"]:
        differences.append(f"reasons: recorded {codes}, replayed {now['reasons']}")
    gap = _gap(record.get("score"), now["score"])
    if gap > TOLERANCE:
        differences.insert(0, f"score: recorded {record.get('score')}, replayed {now['score']}")
    state: State = "different" if differences else "rounding" if gap else "equal"
    if state == "rounding":
        differences.append(f"score: recorded {record.get('score')!r}, replayed {now['score']!r}")
    name, release = str(record["prediction_id"]), str(record["release_digest"])
    why = () if state == "equal" else tuple(_causes(record, parts, causes, state))
    return ReplayedAnswer(name, release, state, tuple(differences), why)


def _is_known(record: Recorded, name: str) -> bool:
    """Whether the record has the column: segments of earlier versions lack some."""
    return name != "class" or record.get("probabilities") is not None


def _codes(reasons: object) -> list[str] | None:
    if not isinstance(reasons, list):
        return None
    return [str(each["code"]) for each in reasons if isinstance(each, dict)]


def _gap(recorded: object, replayed: object) -> float:
    """Return the difference of two scores; of values above 1 their share. No answer is far away."""
    if recorded is None and replayed is None:
        return 0.0
    if not isinstance(recorded, float) or not isinstance(replayed, float):
        return float("inf")
    return abs(recorded - replayed) / max(abs(recorded), 1.0)


def _causes(record: Recorded, parts: Parts, causes: tuple[str, ...], state: State) -> Sequence[str]:
    if record.get("error_class"):
        return [f"the model gave no answer then: {record['error_class']}"]
    known = {
        "model_digest": parts.model,
        "decision_policy_digest": parts.decision,
        "schema_digest": parts.schema,
        "explainer_digest": parts.explainer,
    }
    others = [
        f"the record names another {_PARTS[name]}: {record[name]}, the release has {digest}"
        for name, digest in known.items()
        if record.get(name) and record[name] != digest
    ]
    if others:
        return others
    if causes:
        return [*causes]
    if state == "rounding":
        return ["rounding: rows were answered together then, and are replayed together differently"]
    return ["nothing on record explains it"]
