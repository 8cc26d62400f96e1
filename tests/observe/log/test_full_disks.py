"""Answered is recorded or counted, at whatever moment the disk was full and the server ended."""

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from goldenpath.home import Home
from goldenpath.observe.log.log_check import ReplicaReport, check_log
from goldenpath.observe.log.prediction_log import PredictionLog
from goldenpath.observe.log.spool_tail import Tail
from goldenpath.observe.log.subject_keys import Subjects
from goldenpath.release.attest.keys import PemSigner, generate_key
from goldenpath.serve.record.spool import SpoolWriter
from goldenpath.serve.record.spool_buffer import SpoolBuffer, buffer_of
from goldenpath.serve.record.spool_format import SpoolMark
from tests.observe.spooling import answer, draw, spool_path, write_spool
from tests.serve.record.test_spool import Full
from tests.serve.record.writing import append, header
from tests.sizes import at_size

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    generate_key(home.log_key)
    return home


def opened(home: Home) -> SpoolWriter:
    """A writer that answers requests one by one."""
    return SpoolWriter(home.spool, header(), report=lambda _: None)


def seal(home: Home) -> None:
    """Seals all that is in the spool."""
    subjects = Subjects(home.keys)
    log = PredictionLog(home.predictions, subjects, PemSigner.load(home.log_key), lambda _: None)
    tail = Tail(home.spool, log.resume, pytest.fail)
    for batch in tail.batches():
        log.add(batch, 0.0)
    for path in log.waiting():
        if log.seal(path, NOW)[1]:
            tail.forget(path)
    subjects.close()


def sealed(home: Home) -> ReplicaReport:
    """The report on the only replica."""
    seal(home)
    report = check_log(home)
    assert report.holds
    assert not list(home.spool.glob("*.spool"))
    (replica,) = report.replicas
    return replica


def answered_until(home: Home, seed: int, *, killed: bool) -> int:
    """How many requests a process said it had answered before it was ended or killed."""
    command = [
        sys.executable, "-m", "tests.serve.record.filling", str(home.spool), "one", str(seed),
    ]  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None and child.stdout is not None
        child.stdout.read(8)
        time.sleep(np.random.default_rng(seed).random() * 0.05)
        child.kill() if killed else child.stdin.close()
        said = child.stdout.read()
    return int.from_bytes(said[len(said) // 8 * 8 - 8 : len(said) // 8 * 8], "little")


@pytest.mark.parametrize("seed", range(at_size(3, 100)))
def test_killed_on_a_full_disk_what_was_answered_is_recorded_or_counted(
    home: Home, seed: int
) -> None:
    answered = answered_until(home, seed, killed=True)

    replica = sealed(home)

    assert answered <= replica.requests + replica.lost <= answered + 3
    assert replica.missing == 0
    # A kill while the account itself is written leaves nobody who knows: then it says so.
    assert replica.end in ("open end, 0 unknown", "open end, how many is unknown")


@pytest.mark.parametrize("seed", range(at_size(2, 20)))
def test_ended_on_a_full_disk_it_is_exact_and_the_end_is_closed(home: Home, seed: int) -> None:
    answered = answered_until(home, seed, killed=False)

    replica = sealed(home)

    assert replica.requests + replica.lost == answered
    assert replica.missing == 0
    assert replica.has_ended


def test_what_was_lost_is_counted_while_it_waits_and_once_it_is_sealed(home: Home) -> None:
    spool, disk = opened(home), Full()
    assert append(spool, 0)
    try:
        disk.set(0)
        assert not append(spool, 1, 2)
        spool.lose(1, 2, 2)
        assert check_log(home).lost_in_spool == 2
        spool.close()
    finally:
        disk.clear()
    assert "2 requests were answered without a record" in check_log(home).page()

    replica = sealed(home)

    assert (replica.requests, replica.lost, replica.has_ended) == (1, 2, True)
    assert check_log(home).lost_in_spool == 0


def test_a_count_that_was_written_is_not_counted_twice(home: Home) -> None:
    path = spool_path(home.spool)
    write_spool(path, [answer(0, draw(1, 0))], lost=1, end=False)
    # As a kill leaves it between the frame that says it and the account that forgets it.
    buffer = SpoolBuffer(buffer_of(path))
    buffer.begin(1, -1, 100)
    buffer.keep_account(SpoolMark(lost=1, lost_rows=1, first_lost=1))
    buffer.close(keep=True)
    assert check_log(home).lost_in_spool == 1

    replica = sealed(home)

    assert (replica.requests, replica.lost, replica.unknown) == (1, 1, 0)


def test_without_the_memory_of_a_killed_writer_nobody_knows_how_much_is_missing(
    home: Home,
) -> None:
    answered_until(home, 1, killed=True)
    for path in home.spool.glob("*.spool"):
        buffer_of(path).unlink(missing_ok=True)
    seal(home)

    (replica,) = check_log(home).replicas

    assert (replica.has_ended, replica.unknown) == (False, None)
    assert "open end, how many is unknown" in check_log(home).page()
    assert "1 of 1 replicas have an open end" in check_log(home).page()


def test_an_end_that_comes_after_the_last_record_was_sealed_is_closed_too(home: Home) -> None:
    spool = opened(home)
    assert append(spool, 0)
    subjects = Subjects(home.keys)
    log = PredictionLog(home.predictions, subjects, PemSigner.load(home.log_key), lambda _: None)
    tail = Tail(home.spool, log.resume, pytest.fail)
    for is_over in (False, True):
        if is_over:
            spool.close()
        for batch in tail.batches():
            log.add(batch, 0.0)
        for path in log.waiting():
            log.seal(path, NOW)
        assert check_log(home).replicas[0].end == ("" if is_over else "not sealed to its end yet")
    subjects.close()
    (replica,) = check_log(home).replicas

    assert (replica.segments, replica.requests, replica.has_ended) == (2, 1, True)


def test_a_spool_file_that_was_deleted_leaves_an_open_end(home: Home) -> None:
    spool = opened(home)
    assert append(spool, 0)
    seal(home)
    assert append(spool, 1)
    spool.close()

    for path in home.spool.iterdir():
        path.unlink()

    (replica,) = check_log(home).replicas
    assert replica.end == "open end, how many is unknown"
