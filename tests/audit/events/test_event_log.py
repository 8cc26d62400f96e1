"""The audit log: what is acknowledged stays, what is changed is seen."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from goldenpath.audit.events.chain import START
from goldenpath.audit.events.event import Event
from goldenpath.audit.events.event_log import EventLog
from goldenpath.errors import InvalidInput, Unavailable, VerificationError

DIGEST = "sha256:" + "a" * 64


def event(number: int, time: str = "2026-11-22T10:00:00.000000Z") -> Event:
    return Event(time, "server.ready", "system", "prod", "credit", DIGEST, "", {"number": number})


def filled(folder: Path, count: int = 4) -> EventLog:
    log = EventLog(folder)
    for number in range(count):
        log.append(event(number))
    return log


def only_file(folder: Path) -> Path:
    (path,) = folder.glob("events-*.jsonl")
    return path


def change_line(path: Path, number: int, old: str, new: str) -> None:
    lines = path.read_text().splitlines(keepends=True)
    assert old in lines[number]
    lines[number] = lines[number].replace(old, new)
    path.write_text("".join(lines))


def test_what_is_appended_is_read_in_order(tmp_path: Path) -> None:
    log = filled(tmp_path)

    assert list(log.read()) == [event(number) for number in range(4)]
    assert log.check().holds
    assert log.check().head.count == 4


def test_an_empty_log_holds(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "absent")

    assert list(log.read()) == []
    assert log.check().holds
    assert log.check().head == START


def test_the_chain_goes_on_over_the_end_of_a_month(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log.append(event(0, "2026-11-30T23:59:59.000000Z"))
    log.append(event(1, "2026-12-01T00:00:00.000000Z"))
    log.append(event(2, "2026-11-30T23:59:59.500000Z"))

    assert log.check().files == ("events-2026-11.jsonl", "events-2026-12.jsonl")
    assert log.check().holds
    assert [dict(e.details or {})["number"] for e in log.read()] == [0, 1, 2]


def test_a_month_that_disappeared_is_a_gap(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log.append(event(0, "2026-11-30T23:59:59.000000Z"))
    log.append(event(1, "2026-12-01T00:00:00.000000Z"))
    (tmp_path / "events-2026-11.jsonl").unlink()

    (found,) = log.check().breaks
    assert "gap of 1" in found.reason


@pytest.mark.parametrize("kept", range(1, 60, 7))
def test_a_torn_last_line_never_counts_and_is_cut_off(tmp_path: Path, kept: int) -> None:
    log = filled(tmp_path, 2)
    path = only_file(tmp_path)
    whole = path.read_bytes()
    log.append(event(2))
    path.write_bytes(path.read_bytes()[: len(whole) + kept])

    assert list(log.read()) == [event(0), event(1)]
    log.append(event(3))
    assert list(log.read()) == [event(0), event(1), event(3)]
    assert log.check().holds


def test_a_new_month_cuts_the_torn_line_of_the_old_one(tmp_path: Path) -> None:
    log = filled(tmp_path, 1)
    with only_file(tmp_path).open("ab") as file:
        file.write(b'{"event":')
    log.append(event(1, "2026-12-01T00:00:00.000000Z"))

    assert list(log.read())[1].time.startswith("2026-12")
    assert log.check().holds


def test_an_empty_file_of_a_new_month_is_passed_over(tmp_path: Path) -> None:
    log = filled(tmp_path, 2)
    (tmp_path / "events-2026-12.jsonl").touch()
    log.append(event(2))

    assert [dict(e.details or {})["number"] for e in log.read()] == [0, 1, 2]


def test_a_changed_line_is_named(tmp_path: Path) -> None:
    log = filled(tmp_path)
    change_line(only_file(tmp_path), 1, '"prod"', '"test"')

    (found,) = log.check().breaks
    assert found.place == "events-2026-11.jsonl:3"
    with pytest.raises(VerificationError, match=r"broken at events-2026-11\.jsonl:3"):
        list(log.read())


def test_a_removed_line_is_a_gap(tmp_path: Path) -> None:
    log = filled(tmp_path)
    path = only_file(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:1] + lines[2:]))

    (found,) = log.check().breaks
    assert "gap of 1" in found.reason


def test_two_swapped_lines_are_seen(tmp_path: Path) -> None:
    log = filled(tmp_path)
    path = only_file(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], lines[2], lines[1], lines[3]]))

    assert not log.check().holds


def test_another_spelling_of_the_same_event_is_no_line(tmp_path: Path) -> None:
    log = filled(tmp_path)
    change_line(only_file(tmp_path), 3, '"sequence":3', '"sequence": 3')

    (found,) = log.check().breaks
    assert "canonical" in found.reason


def test_nothing_is_appended_to_a_damaged_end(tmp_path: Path) -> None:
    log = filled(tmp_path)
    with only_file(tmp_path).open("ab") as file:
        file.write(b"rubbish\n")

    with pytest.raises(VerificationError, match="damaged"):
        log.append(event(4))


def test_an_event_that_is_too_large_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    log = filled(tmp_path, 1)
    large = Event(
        "2026-11-22T10:00:00.000000Z", "drift.alarm", "system", details={"x": "y" * 2**20}
    )

    with pytest.raises(InvalidInput, match="expected at most"):
        log.append(large)
    assert log.check().events == 1


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.write_text("a file where the folder should be")

    with pytest.raises(Unavailable, match="cannot be written"):
        EventLog(folder).append(event(0))


def test_threads_and_readers_do_not_disturb_each_other(tmp_path: Path) -> None:
    def write() -> None:
        for number in range(20):
            EventLog(tmp_path).append(event(number))

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert EventLog(tmp_path).check().holds
    for thread in threads:
        thread.join()

    assert EventLog(tmp_path).check().events == 80


WRITER = """
import sys
from pathlib import Path
from goldenpath.audit.events.event import Event
from goldenpath.audit.events.event_log import EventLog

log = EventLog(Path(sys.argv[1]))
number = 0
while True:
    log.append(Event("2026-11-22T10:00:00.000000Z", "drift.closed", "x", details={"n": number}))
    print(number, flush=True)
    number += 1
"""


def test_a_killed_writer_loses_nothing_that_it_had_acknowledged(tmp_path: Path) -> None:
    acknowledged = 0
    for turn in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for _ in range(5 + turn):
                process.stdout.readline()
            os.kill(process.pid, 9)
            acknowledged += 5 + turn + len(process.stdout.readlines())

    EventLog(tmp_path).append(event(0))
    checked = EventLog(tmp_path).check()
    assert checked.holds
    # An event may be on the disk whose acknowledgement did not come out any more.
    assert acknowledged + 1 <= checked.events <= acknowledged + 4
