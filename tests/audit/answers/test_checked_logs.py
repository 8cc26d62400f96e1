"""Segments that the audit log names, compared with the prediction log."""

from pathlib import Path

import pytest

from goldenpath.audit.answers.checked_logs import check_logs
from goldenpath.audit.events.event import Event
from goldenpath.audit.events.event_log import EventLog
from goldenpath.canonical import JsonValue
from goldenpath.home import Home

HEAD: dict[str, JsonValue] = {
    "stage": "prod", "model": "credit", "replica": "r1", "number": 4,
    "digest": "sha256:" + "a" * 64,
}  # fmt: skip


def note(home: Home, *heads: JsonValue) -> None:
    """Writes that the log was anchored so far."""
    details: dict[str, JsonValue] = {"heads": list(heads)}
    time = "2026-11-29T08:00:00.000000Z"
    EventLog(home.events).append(Event(time, "log.anchored", "system", details=details))


def test_two_logs_that_never_were_have_no_fault(tmp_path: Path) -> None:
    states = check_logs(Home(tmp_path)).states

    assert states.faults == ()
    assert (states.events.standing, states.predictions.standing) == ("never begun", "never begun")


def test_a_log_without_a_key_that_another_record_names_is_gone(tmp_path: Path) -> None:
    home = Home(tmp_path)
    note(home, HEAD)

    state = check_logs(home).states.predictions

    assert state.standing == "gone"
    assert "log.pub does not exist" in state.faults[0]


@pytest.mark.parametrize(
    "head",
    [
        {**HEAD, "number": "4"},
        {**HEAD, "digest": None},
        {key: value for key, value in HEAD.items() if key != "replica"},
        "sha256:" + "a" * 64,
    ],
    ids=["number", "digest", "replica", "text"],
)
def test_an_anchor_that_is_none_is_a_fault_and_not_passed_over(
    tmp_path: Path, head: JsonValue
) -> None:
    note(Home(tmp_path), HEAD, head)

    assert check_logs(Home(tmp_path)).states.events.faults == (
        "the audit log names a segment wrongly at 2026-11-29T08:00:00.000000Z",
    )


def test_events_behind_a_break_are_still_read(tmp_path: Path) -> None:
    home = Home(tmp_path)
    note(home, HEAD)
    note(home, {**HEAD, "number": 5})
    (file,) = home.events.glob("*.jsonl")
    file.write_bytes(file.read_bytes().replace(b'"number":4', b'"number":3'))

    logs = check_logs(home)

    assert logs.states.events.standing == "damaged"
    assert len(logs.events) == 2
