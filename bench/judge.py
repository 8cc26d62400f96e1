"""What becomes of canaries, good and harmful, by each source of the judge, on seeds of this run."""

import secrets
from collections.abc import Iterator
from statistics import median

from tests.gateway.simulation import (
    GOOD,
    HERE,
    LAW,
    LIMIT,
    LOG,
    PROMETHEUS,
    Canary,
    Fate,
    Source,
    fate,
)

from bench.measurement import Measurement

SEEDS = 100
SOURCES = {"gateway": (HERE, 100), "log": (LOG, 0), "Prometheus": (PROMETHEUS, 0)}
"""And how many answers lie between two looks; 0: as many as come in a minute."""
RATES = (2, 10, 50)
"""Answers of the canary in a second."""
END = 12_000
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
    for name, (source, looks) in SOURCES.items():
        yield from _good(name, source, looks or source.looks(10), seeds, note)
        for kind, canary in HARMFUL.items():
            if source.knows_pairs or kind == "nothing copies requests":
                yield from _harmful(f"{name}: 5 % differ, {kind}", source, canary, seeds, note)
    hidden = [
        fate(seed, HARMFUL["as many each way"], END, looks=600, source=PROMETHEUS)
        for seed in seeds[:20]
    ]
    missed = sum(each.rolled_back is None for each in hidden) / len(hidden)
    yield Measurement(
        6, "Prometheus: 5 % differ, as many each way: never found", missed, "1",
        note=f"no share moves, and it knows no pairs: until {END} answers",
    )  # fmt: skip


def _good(name: str, source: Source, looks: int, seeds: range, note: str) -> Iterator[Measurement]:
    for kind, canary in (("like the stable one", GOOD), ("at 9/10 of every margin", LIMIT)):
        fates = [fate(seed, canary, 6000, looks=looks, source=source) for seed in seeds]
        back = 200 * sum(each.rolled_back is not None for each in fates) / SEEDS
        label = f"{name}: of 200 canaries {kind}, rolled back"
        yield Measurement(6, label, back, "1", 2, back <= 2, note)
        after = median(each.advanced or END for each in fates)
        yield Measurement(6, f"{name}: a canary {kind} advances after", after, "answers")


def _harmful(
    name: str, source: Source, canary: Canary, seeds: range, note: str
) -> Iterator[Measurement]:
    for rate in RATES if source is not HERE else RATES[-1:]:
        looks = max(source.looks(rate), 100)
        fates = [fate(seed, canary, END, looks=looks, source=source) for seed in seeds]
        harmed = [_harmed(source, each, rate) for each in fates]
        where = f"{name}, {rate}/s"
        yield Measurement(6, f"{where}: harmed, median", median(harmed), "answers")
        yield Measurement(
            6, f"{where}: harmed, worst", max(harmed), "answers", 500, max(harmed) < 500, note
        )
        in_time = sum(each < 500 for each in harmed) / SEEDS
        yield Measurement(6, f"{where}: found before 500 were harmed", in_time, "1")
        advanced = sum(each.advanced is not None for each in fates) / SEEDS
        yield Measurement(6, f"{where}: advanced", advanced, "1", 0.01, advanced <= 0.01)


def _harmed(source: Source, each: Fate, rate: float) -> float:
    return source.harmed(each, rate, 0.05) if each.rolled_back else END * 0.05
