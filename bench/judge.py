"""What becomes of canaries, good and harmful, on seeds of this run."""

import secrets
from collections.abc import Iterator
from statistics import median

from tests.gateway.simulation import GOOD, LAW, LIMIT, Canary, Fate, fate

from bench.measurement import Measurement

SEEDS = 100
HARMFUL = {
    "accepted are declined": Canary(LAW - [0.05, 0.0, -0.05], 0.05),
    "as many each way": Canary(LAW, 0.05),
    "nothing copies requests": Canary(LAW - [0.05, 0.0, -0.05], 0.05, pairs=0.0),
}


def run() -> Iterator[Measurement]:
    """Fates of many canaries; the first seed is drawn, and said."""
    first = secrets.randbits(32)
    seeds = range(first, first + SEEDS)
    note = f"{SEEDS} seeds from {first}"
    for name, canary in (("like the stable one", GOOD), ("at 9/10 of every margin", LIMIT)):
        fates = [fate(seed, canary, 4000, looks=100) for seed in seeds]
        back = sum(each.rolled_back is not None for each in fates)
        rate = 200 * back / SEEDS
        yield Measurement(6, f"of 200 canaries {name}, rolled back", rate, "1", 2, rate <= 2, note)
        yield Measurement(6, f"canary {name} advances after", _advanced(fates), "answers")
    for name, canary in HARMFUL.items():
        fates = [fate(seed, canary, 12_000, looks=100) for seed in seeds]
        harmed = [(each.rolled_back or 12_000) * 0.05 for each in fates]
        yield Measurement(6, f"5 % differ, {name}: harmed, median", median(harmed), "answers")
        yield Measurement(
            6, f"5 % differ, {name}: harmed, worst", max(harmed), "answers", 500,
            max(harmed) < 500, note,
        )  # fmt: skip
        advanced = sum(each.advanced is not None for each in fates) / SEEDS
        yield Measurement(6, f"5 % differ, {name}: advanced", advanced, "1", 0.01, advanced <= 0.01)


def _advanced(fates: list[Fate]) -> float:
    return median(each.advanced or 4000 for each in fates)
