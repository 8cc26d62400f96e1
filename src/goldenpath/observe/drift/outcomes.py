"""Counts of the answers of each release, as shares that the canary judge compares.

All counts are cumulative since the observer started. They go to the supervisor by name:
`outcome decline`, `score below 0.2`, `decline where status = 2`, `differs from the live answer`,
`differs where status = 2`. The names follow from the contract alone. So the judge can divide its
error probability among them before it has data.

A shadow answer of the live release counts only for pairs. Its question already counts for the
canary, and the comparison of shares needs independent answers. A release that gets only shadow
requests is compared by them.
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from goldenpath.canonical import JsonValue
from goldenpath.observe.log.records import Block
from goldenpath.observe.log.release_rules import Facts
from goldenpath.project.number_text import number_text
from goldenpath.project.slicing import Slice, slices
from goldenpath.project.spec import Contract
from goldenpath.project.task.answer_rules import AnswerRules

POINTS = (0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97)
"""Points at which probabilities are compared. They are the same for all releases."""
_STEPS, _DECADES = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0), 4
"""Points of values: so many for each of the largest powers of ten within the bounds."""
MOST_PAIRS = 20_000

PAIRED = "differs from the live answer"
PAIRED_SLICE = "differs where "
"""Prefix of the name of a share of pairs in one slice."""

Counts = dict[str, list[int]]
"""Hits and total by name."""
Words = NDArray[np.object_]
Mark = str | float | None
"""What is compared of an answer: its outcome, or the number where there are no outcomes."""
Mask = NDArray[np.bool_]


@dataclass(slots=True)
class _Route:
    """One model in one stage: counts by slot, and answers that still lack their pair."""

    slots: dict[str, Counts] = field(default_factory=dict)
    answers: "OrderedDict[str, tuple[str, list[Mark]]]" = field(default_factory=OrderedDict)
    live: set[str] = field(default_factory=set)
    """Slots whose answers were used for decisions."""


class Outcomes:
    """The counts of every slot of every route."""

    def __init__(self, facts: Callable[[str], Facts | None]) -> None:
        self._facts = facts
        self._routes: dict[str, _Route] = {}
        self._changed: set[tuple[str, str]] = set()

    def add(self, block: Block) -> None:
        """Count the answers of one server."""
        header = block.header
        facts = self._facts(header.digest)
        if facts is None or not block.total:
            return
        name = f"{header.stage}/{header.model}"
        route = self._routes.setdefault(name, _Route())
        counts = route.slots.get(header.slot)
        if counts is None:
            counts = route.slots[header.slot] = {each: [0, 0] for each in names(facts.contract)}
        marks = _marks(facts, block)
        shown = np.repeat([not a.shadow for a in block.answered], [a.rows for a in block.answered])
        if shown.any():
            route.live.add(header.slot)
        counted = shown if header.slot in route.live else np.ones(block.total, np.bool_)
        _count(counts, facts, block, marks, counted=counted)
        _pair(route, counts, facts, block, marks=marks)
        self._changed.add((name, header.slot))

    def counts(self, deployment: str, slot: str) -> Mapping[str, list[int]]:
        """Return the counts of one slot of `stage/model`. Empty if there are none."""
        route = self._routes.get(deployment)
        return route.slots.get(slot, {}) if route else {}

    def news(self) -> Iterator[Mapping[str, JsonValue]]:
        """Return an event for each slot that has changed since the last call."""
        for name, slot in sorted(self._changed):
            counts: dict[str, JsonValue] = {
                key: list(value) for key, value in self._routes[name].slots[slot].items()
            }
            yield {"event": "answers", "deployment": name, "slot": slot, "counts": counts}
        self._changed.clear()


def names(contract: Contract) -> Iterator[str]:
    """Return the name of every share that is counted under this contract."""
    outcomes = AnswerRules(contract).outcomes
    yield from (f"outcome {each}" for each in outcomes)
    yield from (f"score below {number_text(point)}" for point in points(contract))
    for part in slices(contract):
        yield from (f"{each} where {part.feature} = {part.label}" for each in outcomes)
        yield f"{PAIRED_SLICE}{part.feature} = {part.label}"
    yield PAIRED


def points(contract: Contract) -> tuple[float, ...]:
    """Return the points at which distributions are compared; they follow from the contract."""
    value = contract.value
    if value is None:
        return POINTS
    largest = max(abs(value.minimum), abs(value.maximum))
    top = math.floor(math.log10(largest)) if largest > 0 else 0
    powers = [10.0**power for power in range(top - _DECADES + 1, top + 1)]
    sizes = [float(f"{step * power:.2g}") for power in powers for step in _STEPS]
    both = sorted({*sizes, 0.0, *(-size for size in sizes)})
    return tuple(point for point in both if value.minimum < point < value.maximum)


def _marks(facts: Facts, block: Block) -> Words:
    rules = facts.rules
    if rules.outcomes:
        return np.array(rules.decide(block.numbers).outcomes, object)
    return rules.main(block.numbers).astype(object)


def _differ(rules: AnswerRules, one: list[Mark], other: list[Mark]) -> Mask:
    if rules.outcomes:
        return np.array([a != b for a, b in zip(one, other, strict=True)], np.bool_)
    return ~rules.is_same(np.array(one, np.float64), np.array(other, np.float64))


def inside_of(part: Slice, block: Block) -> Mask:
    """Return a mask of the rows in the slice."""
    values = block.columns[part.column]
    inside: Mask = (values >= np.float32(part.low)) & (values < np.float32(part.high))
    return inside


def _count(counts: Counts, facts: Facts, block: Block, marks: Words, *, counted: Mask) -> None:
    total, outcomes = _number(counted), facts.rules.outcomes
    hit = {each: (marks == each) & counted for each in outcomes}
    for each in outcomes:
        _add(counts, f"outcome {each}", _number(hit[each]), total)
    scores = facts.rules.main(block.numbers)
    for point in points(facts.contract):
        below = _number(counted & (scores < point))
        _add(counts, f"score below {number_text(point)}", below, total)
    for part in slices(facts.contract):
        inside = inside_of(part, block) & counted
        size = _number(inside)
        for each in outcomes if size else ():
            name = f"{each} where {part.feature} = {part.label}"
            _add(counts, name, _number(hit[each] & inside), size)


def _pair(route: _Route, counts: Counts, facts: Facts, block: Block, *, marks: Words) -> None:
    """Compare the answers of two releases to the same question: the pairs of a shadow.

    A pair is counted when its second answer arrives, for both releases: the share of pairs that
    differ is the same for both.
    """
    slot, end, listed = block.header.slot, 0, marks.tolist()
    others: dict[str, tuple[Mask, Mask]] = {}
    for answered in block.answered:
        begin, end = end, end + answered.rows
        mine = listed[begin:end]
        known = route.answers.pop(answered.prediction_id, None)
        if known is None or known[0] == slot or len(known[1]) != len(mine):
            route.answers[answered.prediction_id] = (slot, mine)
            continue
        nothing = np.zeros((2, block.total), np.bool_)
        paired, differs = others.setdefault(known[0], (nothing[0], nothing[1]))
        paired[begin:end] = True
        differs[begin:end] = _differ(facts.rules, known[1], mine)
    for other, (paired, differs) in others.items():
        for name, inside in _places(facts.contract, block):
            found = _number(differs & inside), _number(paired & inside)
            for each in (counts, route.slots[other]):
                if name in each:  # the other release may be cut into other slices
                    _add(each, name, *found)
    while len(route.answers) > MOST_PAIRS:
        route.answers.popitem(last=False)


def _places(contract: Contract, block: Block) -> Iterator[tuple[str, Mask]]:
    yield PAIRED, np.ones(block.total, np.bool_)
    for part in slices(contract):
        yield f"{PAIRED_SLICE}{part.feature} = {part.label}", inside_of(part, block)


def _number(mask: Mask) -> int:
    """Return how often the mask is true. Twenty times as fast as its sum."""
    return int(np.count_nonzero(mask))


def _add(counts: Counts, name: str, hits: int, total: int) -> None:
    share = counts[name]
    share[0] += hits
    share[1] += total
