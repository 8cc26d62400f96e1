"""A file that was torn at any place is named as such: it is no crash and no silent answer."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from goldenpath.audit.events.event import Event
from goldenpath.audit.events.event_log import EventLog
from goldenpath.errors import GoldenPathError, Unavailable
from goldenpath.observe.log.subject_keys import FILE, Subjects
from tests.sizes import at_size

DAY = "2026-11-22 prod"
TIME = "2026-11-22T10:00:00.000000Z"


@pytest.mark.parametrize("seed", range(at_size(3, 20)))
def test_torn_keys_of_subjects_are_used_as_they_are_or_refused(tmp_path: Path, seed: int) -> None:
    subjects = Subjects(tmp_path)
    subjects.keep([f"person {number}" for number in range(200)], DAY)
    subjects.close()
    path, random = tmp_path / FILE, np.random.default_rng(seed)
    content = bytearray(path.read_bytes())
    begin = int(random.integers(0, len(content) - 512))
    content[begin : begin + 512] = random.bytes(512)
    path.write_bytes(content[: int(random.integers(begin + 512, len(content) + 1))])

    try:
        torn = Subjects(tmp_path)
        torn.keep(["person 1", "somebody new"], DAY)
        torn.close()
    except GoldenPathError as error:
        assert "keys of subjects" in error.message


def test_a_file_that_is_no_database_says_what_to_restore(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"torn" * 2000)

    with pytest.raises(Unavailable, match="cannot be opened") as refused:
        Subjects(tmp_path)

    assert "backup" in str(refused.value.hint)
    with pytest.raises(sqlite3.DatabaseError):
        sqlite3.connect(tmp_path / FILE).execute("SELECT * FROM subject")


@pytest.mark.parametrize("seed", range(at_size(3, 20)))
def test_a_torn_last_event_is_mentioned_and_cut_off_by_the_next(tmp_path: Path, seed: int) -> None:
    log = EventLog(tmp_path)
    for number in range(3):
        log.append(Event(TIME, "server.ready", "system", details={"number": number}))
    (path,) = tmp_path.glob("events-*.jsonl")
    whole = path.read_bytes()
    last = whole.rindex(b"\n", 0, -1) + 1
    cut = int(np.random.default_rng(seed).integers(last + 1, len(whole) - 1))
    path.write_bytes(whole[:cut])

    checked = log.check()

    assert checked.holds and checked.events == 2
    assert checked.torn == f"{path.name}, {cut - last} bytes after its last line"
    log.append(Event(TIME, "server.ready", "system"))
    assert log.check().torn == ""
