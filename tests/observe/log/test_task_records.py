"""Records, counts and drift of the tasks that are no probability."""

from dataclasses import replace

import numpy as np
import pytest

from goldenpath.drift.counting import count
from goldenpath.drift.profile_format import parse_profile, render_profile
from goldenpath.drift.reference_profile import build_profile
from goldenpath.observe.drift.outcomes import PAIRED, Outcomes, names, points
from goldenpath.observe.log.records import Block, to_table
from goldenpath.observe.log.release_rules import Facts
from goldenpath.observe.log.subject_keys import Subjects
from goldenpath.project.spec import ClassOutcome, Contract, DecisionPolicy, ValueRange
from goldenpath.serve.record.spool_format import Answered, SpoolHeader
from tests.observe.spooling import CONTRACT, DIGEST, START

CLASSES = replace(CONTRACT, decision=None, task="classes", classes=("a", "b", "c"))
DECIDED = replace(
    CLASSES,
    decision=DecisionPolicy(
        classes=(ClassOutcome("a", "go"), ClassOutcome("b", "check")),
        fallback="desk",
        reviewed=("check", "desk"),
    ),
)
VALUE = replace(CONTRACT, decision=None, task="value", value=ValueRange("EUR", 0.0, 5000.0))
GIVEN = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6]], np.float32)


def facts(contract: Contract, monitored: list[float]) -> Facts:
    table = {"income": np.linspace(0, 1, len(monitored)), "status": np.ones(len(monitored))}
    profile = build_profile(contract, table, np.array(monitored))
    assert parse_profile(render_profile(profile)) == profile
    return Facts(contract, profile)


def block(numbers: np.ndarray, slot: str = "stable", name: str = "1") -> Block:
    inputs = np.zeros((len(numbers), 2), np.float32)
    answered = Answered(
        f"{name:0>32}", 0, START, 1, 1, 200, len(numbers), inputs.tobytes(),
        numbers.astype("<f4").tobytes(), shadow=slot != "stable",
    )  # fmt: skip
    header = SpoolHeader(
        3, "prod", "credit", slot, DIGEST, "r1", ["income", "status"], START,
        outputs=numbers.shape[1],
    )  # fmt: skip
    return Block.of(header, [answered])


def table_of(given: Block, known: Facts, tmp_path: object) -> dict[str, list[object]]:
    subjects = Subjects(tmp_path / "keys")  # type: ignore[operator]
    try:
        kept = subjects.keep(["\0prod\0credit\0day"] * given.total, "day")
        return to_table(given, known, kept, "day").to_pydict()
    finally:
        subjects.close()


def test_a_record_has_the_class_and_every_probability(tmp_path: object) -> None:
    found = table_of(block(GIVEN), facts(DECIDED, [0.0, 1.0, 2.0]), tmp_path)

    assert found["class"] == ["a", "b", "c"]
    assert found["outcome"] == ["go", "check", "desk"]
    assert found["oversight_mode"] == ["automatic", "human-in-loop", "human-in-loop"]
    assert found["score"] == pytest.approx([0.7, 0.6, 0.6])
    assert np.array(found["probabilities"]) == pytest.approx(GIVEN)
    assert found["fallback_used"] == [False, False, True]


def test_a_record_of_a_value_without_a_policy_has_no_outcome(tmp_path: object) -> None:
    given = block(np.array([[120.0], [5000.0]]))
    found = table_of(given, facts(VALUE, [100.0, 200.0]), tmp_path)

    assert found["score"] == [120.0, 5000.0]
    assert found["outcome"] == found["class"] == found["probabilities"] == [None, None]
    assert found["fallback_used"] == [False, False]


def test_drift_counts_classes_by_name_and_values_within_their_bounds() -> None:
    classes, values = facts(CLASSES, [0.0, 0.0, 2.0]), facts(VALUE, [100.0, 200.0, 300.0])

    assert classes.profile.score.labels == ("a", "b", "c", "unseen", "missing")
    assert classes.profile.score.counts == (2, 0, 1, 0, 0)
    seen = classes.rules.monitored(GIVEN)
    counted = count(classes.profile, np.zeros((3, 2), np.float32), seen)
    assert counted.values[-5:].tolist() == [1, 1, 1, 0, 0]
    assert (values.profile.score.edges[0], values.profile.score.edges[-1]) == (0.0, 5000.0)


def test_the_canary_judge_compares_classes_and_points_of_values() -> None:
    assert [name for name in names(CLASSES) if name.startswith("outcome ")] == [
        "outcome a", "outcome b", "outcome c",
    ]  # fmt: skip
    assert [name for name in names(DECIDED) if name.startswith("outcome ")] == [
        "outcome go", "outcome check", "outcome desk",
    ]  # fmt: skip
    assert not [name for name in names(VALUE) if name.startswith("outcome ")]
    compared = points(VALUE)
    assert {1000.0, 1500.0, 200.0, 3.0} <= {*compared}
    assert all(0 < point < 5000 for point in compared)


@pytest.mark.parametrize(
    ("contract", "one", "other", "differing"),
    [
        (CLASSES, GIVEN, GIVEN[::-1], 2),
        (VALUE, np.array([[100.0], [200.0]]), np.array([[104.0], [250.0]]), 1),
    ],
)
def test_pairs_differ_by_their_class_or_by_more_than_the_tolerance(
    contract: Contract, one: np.ndarray, other: np.ndarray, differing: int
) -> None:
    known = facts(contract, [0.0, 1.0, 2.0])
    outcomes = Outcomes(lambda digest: known)

    outcomes.add(block(one))
    outcomes.add(block(other, "canary"))

    assert outcomes.counts("prod/credit", "canary")[PAIRED] == [differing, len(one)]
