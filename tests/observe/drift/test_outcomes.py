import dataclasses

import msgspec
import numpy as np

from goldenpath.observe.drift.outcomes import PAIRED, Outcomes
from goldenpath.observe.log.records import Block
from goldenpath.observe.log.release_rules import Facts
from goldenpath.project.spec import Feature
from goldenpath.serve.record.spool_format import Answered, SpoolHeader
from tests.observe.spooling import CONTRACT, FACTS, answer, header

SLICED = dataclasses.replace(
    CONTRACT,
    features=(
        dataclasses.replace(CONTRACT.features[0], slices=(50.0, 150.0)),
        Feature("status", "category", categories=(0.0, 2.0)),
    ),
)


def outcomes() -> Outcomes:
    return Outcomes(lambda digest: Facts(SLICED, FACTS.profile))


def block(*answered: Answered, slot: str = "stable") -> Block:
    head = header()
    named = SpoolHeader(
        head.version, head.stage, head.model, slot, head.digest, head.replica, head.features, 0
    )
    return Block.of(named, answered)


ROWS = np.array([[20, 0], [100, 0], [180, 2], [180, 2]], np.float32)


def test_shares_are_counted_over_all_and_per_slice_and_told_once() -> None:
    counting = outcomes()
    counting.add(block(answer(0, ROWS)))

    (event,) = counting.news()
    counts = event["counts"]

    assert isinstance(counts, dict)
    assert counts["outcome accept"] == [1, 4]
    assert counts["decline where status = 2"] == [2, 2]
    assert counts["refer where status = 0"] == [1, 2]
    assert counts["score below 0.3"] == [1, 4]
    name = CONTRACT.features[0].name
    assert counts[f"accept where {name} = below 50"] == [1, 1]
    assert counts[f"decline where {name} = 150 and above"] == [2, 2]
    assert counts[f"refer where {name} = 50 to 150"] == [1, 1]
    assert [*counting.news()] == []


def test_two_answers_to_one_question_are_a_pair() -> None:
    counting = outcomes()
    live = answer(0, ROWS)
    other = answer(5, ROWS[::-1])
    shadow = msgspec.structs.replace(other, prediction_id=live.prediction_id)
    counting.add(block(live))
    counting.add(block(shadow, slot="shadow"))

    found = {event["slot"]: event["counts"] for event in counting.news()}

    for counts in found.values():
        assert isinstance(counts, dict) and counts[PAIRED] == [4, 4]
        assert counts["differs where status = 2"] == [2, 2]


def test_a_copy_asked_of_the_live_release_counts_for_pairs_alone() -> None:
    counting = outcomes()
    canary = answer(0, ROWS)
    copy = msgspec.structs.replace(answer(5, ROWS), prediction_id=canary.prediction_id, shadow=True)
    counting.add(block(answer(4, ROWS), copy, slot="stable"))
    counting.add(block(canary, slot="canary"))
    counting.add(block(msgspec.structs.replace(answer(6, ROWS), shadow=True), slot="dark"))

    stable, live, dark = (
        counting.counts("prod/credit", slot) for slot in ("stable", "canary", "dark")
    )

    assert stable["outcome accept"] == live["outcome accept"] == [1, 4]
    assert stable[PAIRED] == live[PAIRED] == [0, 4]
    assert stable["score below 0.3"] == [1, 4]
    assert dark["outcome accept"] == [1, 4]  # what gets copies alone is compared by them
