"""The observer holds no more of a long backlog than of a short one, and nobody waits for it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from goldenpath.canonical import JsonValue
from goldenpath.home import Home
from goldenpath.observe.drift.monitor import Monitor
from goldenpath.observe.drift.outcomes import Outcomes
from goldenpath.observe.drift.unobserved import UnobservedReleases
from goldenpath.observe.log.log_check import check_log
from goldenpath.observe.log.prediction_log import PredictionLog
from goldenpath.observe.log.spool_tail import Tail
from goldenpath.observe.log.subject_keys import Subjects
from goldenpath.observe.observer import Observer, PublishedRefusals
from goldenpath.observe.telemetry.otlp import TelemetryFiles
from goldenpath.observe.telemetry.telemetry import Telemetry
from goldenpath.processes.observer_launch import ObserverLaunch
from goldenpath.release.attest.keys import generate_key
from tests.observe.spooling import FACTS, answer, draw, spool_path, write_spool

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
SEAL_ROWS, TURN = 50, 4_000


def observer(home: Home, events: list[Mapping[str, JsonValue]]) -> Observer:
    """An observer with small turns and small segments."""
    log = PredictionLog(
        home.predictions, Subjects(home.keys), generate_key(home.log_key), lambda _: FACTS
    )
    return Observer(
        ObserverLaunch(str(home.root), "", seal_rows=SEAL_ROWS),
        Tail(home.spool, log.resume, print),
        log,
        Monitor(home.drift, home.findings, lambda _: FACTS),
        Telemetry(TelemetryFiles(home.telemetry), None, lambda _: FACTS, started=NOW),
        Outcomes(lambda _: FACTS),
        events.append,
        PublishedRefusals(home.run / "refusals.json"),
        UnobservedReleases(home.findings),
        lambda _: "",
        turn_bytes=TURN,
    )


def backlog(home: Home, replica: str, count: int) -> None:
    """The spool file of a replica that nobody observed for a while."""
    row = draw(1, 1)
    answers = [answer(number, row) for number in range(count)]
    write_spool(spool_path(home.spool, replica=replica), answers)


def most_held(folder: Path, count: int) -> int:
    """The most records that the observer holds while it works off a backlog."""
    home = Home(folder)
    backlog(home, "r1", count)
    working, held = observer(home, []), []
    while working.round(NOW):
        held.append(working.log.waiting_rows)
    working.round(NOW, finish=True)
    (replica,) = check_log(home).replicas
    assert (replica.requests, replica.missing, replica.has_ended) == (count, 0, True)
    return max(held)


def test_four_times_the_backlog_takes_no_more_memory(tmp_path: Path) -> None:
    few, many = most_held(tmp_path / "few", 200), most_held(tmp_path / "many", 800)

    assert many <= few
    assert many < 2 * SEAL_ROWS


def test_a_short_file_is_sealed_before_a_long_one_is_read(tmp_path: Path) -> None:
    home, events = Home(tmp_path), list[Mapping[str, JsonValue]]()
    backlog(home, "a-long", 600)
    backlog(home, "b-short", 3)

    observer(home, events).round(NOW)

    replicas = [event["replica"] for event in events if event["event"] == "sealed"]
    assert "b-short" in replicas
    assert sum(int(np.int64(str(event["rows"]))) for event in events if "rows" in event) < 600
