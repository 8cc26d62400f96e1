"""What counting, sealing and observing cost, on one core."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from bench.measurement import Measurement
from goldenpath.drift.changes import changes
from goldenpath.drift.counting import count
from goldenpath.drift.profile import Floats, Profile
from goldenpath.drift.reference_profile import build_profile
from goldenpath.drift.seasons import DAY
from goldenpath.drift.sequential import Detector, State, look
from goldenpath.observe.drift.monitor import Monitor
from goldenpath.observe.drift.outcomes import Outcomes
from goldenpath.observe.drift.unobserved import UnobservedReleases
from goldenpath.observe.log.prediction_log import PredictionLog
from goldenpath.observe.log.release_rules import Facts
from goldenpath.observe.log.spool_tail import Tail
from goldenpath.observe.log.subject_keys import Subjects
from goldenpath.observe.observer import Observer, PublishedRefusals
from goldenpath.observe.telemetry.otlp import TelemetryFiles
from goldenpath.observe.telemetry.telemetry import Telemetry
from goldenpath.processes.observer_launch import ObserverLaunch
from goldenpath.project.spec import Band, Contract, DecisionPolicy, Feature, MonitorSettings
from goldenpath.release.attest.keys import generate_key
from goldenpath.serve.record.spool_format import Answered, SpoolHeader, SpoolMark, render_frame

COLUMNS, ROWS = 20, 200_000
WIDE = 200
REQUESTS, ROWS_A_REQUEST = 1000, 32
DIGEST = "sha256:" + "ab" * 32
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def run() -> Iterator[Measurement]:
    """Everything, smallest first."""
    random = np.random.default_rng(1)
    contract = _contract(COLUMNS)
    profile = _profile(contract, COLUMNS, random)
    yield from _counting(profile, random)
    yield from _looking(_contract(WIDE), random)
    yield from _sealing(Facts(contract, profile), random)


def _profile(contract: Contract, columns: int, random: np.random.Generator) -> Profile:
    reference = random.normal(size=(20_000, columns)).astype(np.float32)
    table = {f"x{i}": reference[:, i] for i in range(columns)}
    return build_profile(contract, table, random.random(20_000))


def _contract(columns: int) -> Contract:
    features = tuple(Feature(f"x{i}", "number") for i in range(columns))
    decision = DecisionPolicy((Band("low", 0.5, "accept"), Band("high", 1.01, "decline")))
    return Contract("bench", features, "p", decision, MonitorSettings(look_rows=500))


def _counting(profile: Profile, random: np.random.Generator) -> Iterator[Measurement]:
    columns = random.normal(size=(COLUMNS, ROWS)).astype(np.float32)
    rows, scores = columns.T, random.random(ROWS).astype(np.float32)
    times = _interleaved(
        [
            lambda: count(profile, rows, scores),
            lambda: [np.sum(column) for column in columns],
            lambda: _searched(profile, columns),
        ]
    )
    counting, summing, searching = times
    cells = COLUMNS * ROWS
    yield Measurement(5, "drift: cells counted a second", cells / counting / 1e6, "Mcells/s")
    yield Measurement(
        5,
        "drift: exact counts against np.sum of the same columns",
        counting / summing,
        "times slower",
        note="goal 8 for ten deciles; here also unseen, missing, and the score",
    )
    yield Measurement(
        5,
        "drift: exact counts against searchsorted and bincount",
        searching / counting,
        "times faster",
        goal=10,
        holds=searching / counting >= 10,
        note="searchsorted here tells no unseen and no missing values apart",
    )


def _searched(profile: Profile, columns: Floats) -> list[NDArray[np.intp]]:
    edges = [np.array(bins.edges[1:-1], np.float32) for bins in profile.features]
    return [
        np.bincount(np.searchsorted(edge, column), minlength=len(edge) + 1)
        for edge, column in zip(edges, columns, strict=True)
    ]


def _looking(contract: Contract, random: np.random.Generator) -> Iterator[Measurement]:
    """A look as the monitor takes it, at a wide model."""
    profile = _profile(contract, WIDE, random)
    detector = Detector.of(profile, contract.monitor)
    state = State.fresh(profile)
    spent: list[float] = []
    for number in range(365):
        rows = random.normal(size=(500, WIDE)).astype(np.float32)
        counts = count(profile, rows, random.random(500).astype(np.float32))
        start = time.perf_counter()
        state = look(detector, state, counts, number * DAY)
        next(changes(detector, state, {}), None)
        spent.append(time.perf_counter() - start)
    value = median(spent[-100:]) * 1e3
    name = f"drift: a look over {WIDE} features, a year of looks kept"
    yield Measurement(5, name, value, "ms", goal=10, holds=value < 10)


def _sealing(facts: Facts, random: np.random.Generator) -> Iterator[Measurement]:
    records = REQUESTS * ROWS_A_REQUEST
    for name, people in (("of 500 people", 500), ("nobody named", 0)):
        with TemporaryDirectory(prefix="goldenpath-bench-") as folder:
            root = Path(folder)
            _spool(root, facts, random, people)
            observer, subjects = _observer(root, facts)
            start = time.process_time()
            observer.round(NOW, finish=True)
            spent = (time.process_time() - start) / records * 1e6
            size = sum(path.stat().st_size for path in (root / "predictions").rglob("*.*"))
            subjects.close()
        yield Measurement(
            5,
            f"observer: log, drift and telemetry together, {name}",
            spent,
            "us of CPU a record",
            goal=15,
            holds=spent <= 15,
            note=f"{records} records of {COLUMNS} features, {ROWS_A_REQUEST} a request",
        )
        yield Measurement(5, f"log: size on disk, {name}", size / records, "B a record")


def _spool(root: Path, facts: Facts, random: np.random.Generator, people: int) -> None:
    features = [feature.name for feature in facts.contract.features]
    header = SpoolHeader(1, "prod", "bench", "stable", DIGEST, "r1", features, 0)
    frames = [render_frame(header)]
    for sequence in range(REQUESTS):
        rows = random.normal(size=(ROWS_A_REQUEST, COLUMNS)).astype(np.float32)
        names = random.integers(people, size=ROWS_A_REQUEST).tolist() if people else []
        answered = Answered(
            prediction_id=random.bytes(16).hex(),
            sequence=sequence,
            started=1_790_000_000_000_000_000 + sequence,
            duration=1_000_000,
            inference=300_000,
            status=200,
            rows=ROWS_A_REQUEST,
            inputs=rows.tobytes(),
            scores=random.random(ROWS_A_REQUEST).astype("<f4").tobytes(),
            subjects=[f"client-{name}" for name in names] or None,
        )
        frames.append(render_frame([answered]))
    frames.append(render_frame(SpoolMark(end=True)))
    (root / "spool").mkdir()
    (root / "spool" / "prod.bench.r1.0001.spool").write_bytes(b"".join(frames))


def _observer(root: Path, facts: Facts) -> tuple[Observer, Subjects]:
    subjects = Subjects(root / "keys")
    signer = generate_key(root / "keys" / "log.pem")
    log = PredictionLog(root / "predictions", subjects, signer, lambda digest: facts)
    observer = Observer(
        ObserverLaunch(home=str(root), store=""),
        Tail(root / "spool", log.resume, print),
        log,
        Monitor(root / "drift", root / "findings", lambda digest: facts),
        Telemetry(TelemetryFiles(root / "telemetry"), None, lambda digest: facts, started=NOW),
        Outcomes(lambda digest: facts),
        lambda event: None,
        PublishedRefusals(root / "refusals.json"),
        UnobservedReleases(root / "findings"),
        lambda digest: "",
    )
    return observer, subjects


def _interleaved(works: list[Callable[[], object]], rounds: int = 5) -> list[float]:
    """Median seconds of each, measured in turns so that a disturbance meets all."""
    spent: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for times, work in zip(spent, works, strict=True):
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
    return [median(times) for times in spent]
