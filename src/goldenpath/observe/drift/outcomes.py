"""Counts of the answers of each release, as shares that the canary judge compares.

All counts are cumulative since the observer started. They go to the supervisor by name:
`outcome decline`, `score below 0.2`, `decline where status = 2`, `differs from the live answer`,
`differs where status = 2`. The names follow from the contract alone. So the judge can divide its
error probability among them before it has data.

A shadow answer of the live release counts only for pairs. Its question already counts for the
canary, and the comparison of shares needs independent answers. A release that gets only shadow
requests is compared by them.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from goldenpath.canonical import JsonValue
from goldenpath.observe.log.records import Block
from goldenpath.observe.log.release_rules import Facts, decide
from goldenpath.project.slicing import Slice, slices
from goldenpath.project.spec import Contract

OUTCOMES = ("accept", "refer", "decline")
POINTS = (0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97)
"""Points at which score distributions are compared. They are the same for all releases."""
MOST_PAIRS = 20_000

PAIRED = "differs from the live answer"
PAIRED_SLICE = "differs where "
"""Prefix of the name of a share of pairs in one slice."""

Counts = dict[str, list[int]]
"""Hits and total by name."""
Words = NDArray[np.object_]
Mask = NDArray[np.bool_]


@dataclass(slots=True)
class _Route:
    """One model in one stage: counts by slot, and answers that still lack their pair."""

    slots: dict[str, Counts] = field(default_factory=dict)
    answers: "OrderedDict[str, tuple[str, list[str]]]" = field(default_factory=OrderedDict)
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
        if facts is None or not len(block.scores):
            return
        name = f"{header.stage}/{header.model}"
        route = self._routes.setdefault(name, _Route())
        counts = route.slots.get(header.slot)
        if counts is None:
            counts = route.slots[header.slot] = {each: [0, 0] for each in names(facts.contract)}
        outcomes = np.array(decide(facts.contract, block.scores).outcomes, object)
        shown = np.repeat([not a.shadow for a in block.answered], [a.rows for a in block.answered])
        if shown.any():
            route.live.add(header.slot)
        counted = shown if header.slot in route.live else np.ones(len(outcomes), np.bool_)
        _count(counts, facts.contract, block, outcomes, counted=counted)
        _pair(route, counts, facts.contract, block, outcomes=outcomes)
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
    yield from (f"outcome {each}" for each in OUTCOMES)
    yield from (f"score below {point:g}" for point in POINTS)
    for part in slices(contract):
        yield from (f"{each} where {part.feature} = {part.label}" for each in OUTCOMES)
        yield f"{PAIRED_SLICE}{part.feature} = {part.label}"
    yield PAIRED


def inside_of(part: Slice, block: Block) -> Mask:
    """Return a mask of the rows in the slice."""
    values = block.columns[part.column]
    inside: Mask = (values >= np.float32(part.low)) & (values < np.float32(part.high))
    return inside


def _count(
    counts: Counts, contract: Contract, block: Block, outcomes: Words, *, counted: Mask
) -> None:
    total = _number(counted)
    hit = {each: (outcomes == each) & counted for each in OUTCOMES}
    for outcome in OUTCOMES:
        _add(counts, f"outcome {outcome}", _number(hit[outcome]), total)
    for point in POINTS:
        _add(counts, f"score below {point:g}", _number(counted & (block.scores < point)), total)
    for part in slices(contract):
        inside = inside_of(part, block) & counted
        size = _number(inside)
        for outcome in OUTCOMES if size else ():
            name = f"{outcome} where {part.feature} = {part.label}"
            _add(counts, name, _number(hit[outcome] & inside), size)


def _pair(
    route: _Route, counts: Counts, contract: Contract, block: Block, *, outcomes: Words
) -> None:
    """Compare the answers of two releases to the same question: the pairs of a shadow.

    A pair is counted when its second answer arrives, for both releases: the share of pairs that
    differ is the same for both.
    """
    slot, end, listed = block.header.slot, 0, outcomes.tolist()
    others: dict[str, tuple[Mask, Mask]] = {}
    for answered in block.answered:
        begin, end = end, end + answered.rows
        mine = listed[begin:end]
        known = route.answers.pop(answered.prediction_id, None)
        if known is None or known[0] == slot or len(known[1]) != len(mine):
            route.answers[answered.prediction_id] = (slot, mine)
            continue
        nothing = np.zeros((2, len(outcomes)), np.bool_)
        paired, differs = others.setdefault(known[0], (nothing[0], nothing[1]))
        paired[begin:end] = True
        differs[begin:end] = [a != b for a, b in zip(known[1], mine, strict=True)]
    for other, (paired, differs) in others.items():
        for name, inside in _places(contract, block):
            share = _number(differs & inside), _number(paired & inside)
            for target in (counts, route.slots[other]):
                if name in target:  # the other release may be cut into other slices
                    _add(target, name, *share)
    while len(route.answers) > MOST_PAIRS:
        route.answers.popitem(last=False)


def _places(contract: Contract, block: Block) -> Iterator[tuple[str, Mask]]:
    yield PAIRED, np.ones(len(block.scores), np.bool_)
    for part in slices(contract):
        yield f"{PAIRED_SLICE}{part.feature} = {part.label}", inside_of(part, block)


def _number(mask: Mask) -> int:
    """Return how often the mask is true. Twenty times as fast as its sum."""
    return int(np.count_nonzero(mask))


def _add(counts: Counts, name: str, hits: int, total: int) -> None:
    share = counts[name]
    share[0] += hits
    share[1] += total
