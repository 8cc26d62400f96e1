"""What becomes of canaries, good and harmful, by each source of the judge, on seeds of this run."""

import secrets
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from tests.canary.cluster import Cluster, traffic
from tests.canary.simulation import (
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
from tests.promote.road import MODEL

from bench.measurement import Measurement
from goldenpath.canary.analysis import Criteria
from goldenpath.canary.arms import verdict_on
from goldenpath.canary.sources.log_source import PredictionLogSource
from goldenpath.observe.log.decrypted_inputs import Inputs
from goldenpath.observe.log.log_storage import LogStorage
from goldenpath.observe.log.release_parts import Releases
from goldenpath.release.attest.keys import keys_from_pem

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
    yield from _sealed(seeds[:5])
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


def _sealed(seeds: range) -> Iterator[Measurement]:
    """Records that an observer sealed, read by the judge whenever the canary gave 600 more."""
    harmed, cost = [], []
    for seed in seeds:
        with TemporaryDirectory() as folder:
            cluster = Cluster(Path(folder))
            said = traffic(cluster.since, 10_000, seed, harm=10)
            cluster.write("observer", {"one": said.stable, "two": said.canary}, rows=600)
            facts = Releases(cluster.road.store, print)
            inputs = Inputs(tuple(home.keys for home in cluster.homes))
            keys = keys_from_pem("keys", cluster.keys)
            log = PredictionLogSource(LogStorage(str(cluster.predictions)), keys, facts, inputs)
            places = (cluster.stable, cluster.canary)
            for look in range(600, 10_001, 600):
                until = cluster.since + timedelta(microseconds=1000 + look * 500)
                stable, canary = log.arms("dev", MODEL, places, cluster.since, until=until)
                if verdict_on(stable, canary, Criteria(), 2).action == "roll back":
                    break
            harmed.append(look * 0.05)
            began = time.process_time()
            stable, canary = log.arms("dev", MODEL, places, cluster.since, until=until)
            cost.append((time.process_time() - began) / (stable.requests + canary.requests))
            inputs.close()
    note = f"{len(seeds)} seeds from {seeds[0]}, as many each way, of one sex"
    worst = max(harmed)
    yield Measurement(
        6, "a sealed log, 5 % differ: harmed, worst", worst, "answers", 500, worst < 500, note
    )
    yield Measurement(6, "a sealed log: CPU to read a record, slices too", min(cost) * 1e6, "us")


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
