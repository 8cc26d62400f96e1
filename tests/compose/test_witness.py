"""What the audit log noted of the prediction log."""

from pathlib import Path

import pytest

from goldenpath.audit.events.event import Event
from goldenpath.audit.events.event_log import EventLog
from goldenpath.canonical import JsonValue
from goldenpath.compose.witness import anchors
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.home import Home
from goldenpath.observe.log.log_check import Anchor

HEAD: dict[str, JsonValue] = {
    "stage": "prod", "model": "credit", "replica": "r1", "number": 4,
    "digest": "sha256:" + "a" * 64,
}  # fmt: skip


def note(home: Home, *heads: JsonValue) -> None:
    """Writes that the log was anchored so far."""
    details: dict[str, JsonValue] = {"heads": list(heads)}
    time = "2026-11-29T08:00:00.000000Z"
    EventLog(home.events).append(Event(time, "log.anchored", "system", details=details))


def test_without_an_audit_log_nothing_was_noted(tmp_path: Path) -> None:
    assert anchors(Home(tmp_path)) == ()


def test_every_head_that_was_noted_is_an_anchor(tmp_path: Path) -> None:
    home = Home(tmp_path)
    note(home, HEAD)
    EventLog(home.events).append(Event("2026-11-29T08:00:01.000000Z", "platform.started", "system"))
    note(home, {**HEAD, "number": 5}, {**HEAD, "replica": "r2"})

    assert anchors(home) == (
        Anchor("prod", "credit", "r1", 4, str(HEAD["digest"])),
        Anchor("prod", "credit", "r1", 5, str(HEAD["digest"])),
        Anchor("prod", "credit", "r2", 4, str(HEAD["digest"])),
    )


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
def test_an_anchor_that_is_none_is_refused_and_not_passed_over(
    tmp_path: Path, head: JsonValue
) -> None:
    note(Home(tmp_path), HEAD, head)

    with pytest.raises(InvalidInput):
        anchors(Home(tmp_path))


def test_a_chain_that_is_broken_anchors_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path)
    note(home, HEAD)
    note(home, {**HEAD, "number": 5})
    (file,) = home.events.glob("*.jsonl")
    file.write_bytes(file.read_bytes().replace(b'"number":4', b'"number":3'))

    with pytest.raises(VerificationError):
        anchors(home)
