"""Canaries by simulation: what the observer would count of them, and what the judge says.

One row of a law per slice: how often each outcome is given in it. Of the canary's answers one in
four is asked of the stable release too; `differ` is how often those two differ. The judge looks
after every 50 answers of the canary (or `looks`), with every comparison it ever makes.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goldenpath.canary.analysis import Criteria
from goldenpath.canary.arms import Arm, verdict_on
from goldenpath.instruments import REQUEST_DURATION_BOUNDS
from goldenpath.observe.drift.outcomes import PAIRED, PAIRED_SLICE, POINTS, names, points
from goldenpath.project.number_text import number_text
from goldenpath.project.spec import Contract
from goldenpath.project.task.answer_rules import AnswerRules
from goldenpath.serve.gateway.tally import Tally
from tests.serve.running import CONTRACT

SLICES = (0.6, 0.35, 0.05)
LAW = np.array([[0.5, 0.3, 0.2], [0.6, 0.2, 0.2], [0.4, 0.35, 0.25]])
SCORES = np.linspace(0.05, 0.95, len(POINTS))
STEP, PAIRS = 50, 0.25
IN_SLICES = tuple(f"{PAIRED_SLICE}status = {value}" for value in range(len(SLICES)))
Counts = dict[str, tuple[int, int]]
Shares = NDArray[np.float64]


@dataclass(frozen=True)
class Stable:
    """The stable release that a canary is compared with."""

    contract: Contract
    law: Shares
    below: Shares
    """How often a score or value is below each point of the contract."""


CREDIT = Stable(CONTRACT, LAW, SCORES)


@dataclass(frozen=True)
class Canary:
    """How a simulated canary really behaves."""

    law: NDArray[np.float64]
    differ: float
    """The share of its answers that differ from the stable release's, in each slice."""
    only: int | None = None
    """The slice in which they differ; None: in all."""
    pairs: float = PAIRS
    """The share of requests that both answer; 0 if requests are not copied."""
    share: float = 0.1
    """Its share of the traffic."""
    below: NDArray[np.float64] | None = None
    """How often its score is below each point; None: as often as that of the stable release."""
    stable: Stable = CREDIT


GOOD = Canary(LAW, 0.0)
LIMIT = Canary(LAW + np.array([0.009, -0.009, 0.0]), 0.018)
"""A canary at nine tenths of every margin."""


def counted(
    source: np.random.Generator,
    answers: int,
    law: Shares,
    *,
    below: Shares = SCORES,
    contract: Contract = CONTRACT,
) -> Counts:
    """Return what the observer would count of so many answers."""
    sizes = source.multinomial(answers, SLICES)
    outcomes = AnswerRules(contract).outcomes
    laws = law if outcomes else np.ones((len(SLICES), 1))
    given = np.array([source.multinomial(n, p) for n, p in zip(sizes, laws, strict=True)])
    lower = np.searchsorted(np.sort(source.random(answers)), below)
    found = {
        f"outcome {each}": (int(n), answers)
        for each, n in zip(outcomes, given.sum(0), strict=bool(outcomes))
    }
    for value, (size, row) in enumerate(zip(sizes, given, strict=True)):
        for each, hits in zip(outcomes, row, strict=bool(outcomes)):
            found[f"{each} where status = {value}"] = (int(hits), int(size))
    found |= {
        f"score below {number_text(p)}": (int(n), answers)
        for p, n in zip(points(contract), lower, strict=True)
    }
    return found | dict.fromkeys((PAIRED, *IN_SLICES), (0, 0))


def pairs(source: np.random.Generator, answers: int, canary: Canary) -> Counts:
    """Return what the observer would count of the pairs."""
    asked = source.multinomial(int(source.binomial(answers, canary.pairs)), SLICES)
    at = [canary.differ if canary.only in (None, place) else 0.0 for place in range(len(SLICES))]
    differ = source.binomial(asked, at)
    found = {
        name: (int(n), int(total)) for name, n, total in zip(IN_SLICES, differ, asked, strict=True)
    }
    return {PAIRED: (int(differ.sum()), int(asked.sum())), **found}


@dataclass(frozen=True)
class Source:
    """How the judge of a canary gets its counts."""

    every: float
    """Seconds between two looks."""
    lag: float
    """Seconds after which an answer is in the counts, at worst."""
    knows_pairs: bool = True

    def looks(self, rate: float) -> int:
        """Answers of the canary between two looks, if it gives `rate` a second."""
        return max(round(self.every * rate), 1)

    def harmed(self, fate: "Fate", rate: float, share: float) -> float:
        """Harmed answers until the rollback, including those that were not counted yet."""
        return ((fate.rolled_back or 10**9) + self.lag * rate) * share


HERE = Source(every=1, lag=0.5)
"""`goldenpath up`: its own gateway and observer."""
LOG = Source(every=60, lag=6)
"""`goldenpath judge` once a minute; the log is sealed every 5 seconds and copied."""
PROMETHEUS = Source(every=60, lag=16, knows_pairs=False)
"""The same with a scrape every 15 seconds of a page that is half a second behind."""


def arm(requests: int, counts: Counts, source: Source) -> Arm:
    """Return what a source gives to the judge."""
    if source.knows_pairs:
        tally = Tally(requests=requests)
        tally.durations[20] = requests
        return Arm.of(tally, counts)
    slower = dict.fromkeys(REQUEST_DURATION_BOUNDS, 0)
    known = {name: share for name, share in counts.items() if not name.startswith("differs ")}
    return Arm(requests, 0, slower, known)


def actions(
    seed: int, canary: Canary, criteria: Criteria, looks: int = STEP, source: Source = HERE
) -> Iterator[tuple[int, str]]:
    """Answers of the canary and the verdict, look by look, without end."""
    random = np.random.default_rng(seed)
    stable_release, contract = canary.stable, canary.stable.contract
    below = stable_release.below if canary.below is None else canary.below
    totals: list[Counts] = [dict.fromkeys(names(contract), (0, 0)) for _ in range(2)]
    requests = [0, 0]
    others = round(looks / canary.share) - looks
    while True:
        releases = (
            (others, stable_release.law, stable_release.below),
            (looks, canary.law, below),
        )
        for place, (size, rates, lower) in enumerate(releases):
            new = counted(random, size, rates, below=lower, contract=contract)
            old = totals[place]
            totals[place] = {k: (old[k][0] + new[k][0], old[k][1] + new[k][1]) for k in new}
            requests[place] += size
        for name, (hits, total) in pairs(random, looks, canary).items():
            for each in totals:
                each[name] = (each[name][0] + hits, each[name][1] + total)
        stable, other = (
            arm(number, counts, source) for number, counts in zip(requests, totals, strict=True)
        )
        yield requests[1], verdict_on(stable, other, criteria, judgements=2).action


@dataclass(frozen=True)
class Fate:
    """The end of a canary, and after how many answers, if it ended."""

    advanced: int | None
    rolled_back: int | None


def fate(
    seed: int,
    canary: Canary,
    end: int,
    criteria: Criteria | None = None,
    looks: int = STEP,
    source: Source = HERE,
) -> Fate:
    """Follows it until it is rolled back, or to the `end`th answer."""
    advanced = None
    for answers, action in actions(seed, canary, criteria or Criteria(), looks, source):
        if action == "roll back":
            return Fate(advanced, answers)
        if action == "advance" and advanced is None:
            advanced = answers
        if answers >= end:
            return Fate(advanced, None)
    raise AssertionError
