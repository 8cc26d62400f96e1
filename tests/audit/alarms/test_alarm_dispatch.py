"""From findings and the audit log to every channel of their stage: once, and never not."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import msgspec

from goldenpath.audit.alarms.alarm_dispatch import Dispatch
from goldenpath.audit.alarms.alarm_settings import AlarmLaunch, AlarmSettings, StageChannels
from goldenpath.audit.alarms.alarm_source import AlarmSource
from goldenpath.audit.alarms.outbox import Outbox, waiting_names
from goldenpath.audit.events.event import Event
from goldenpath.audit.events.event_log import EventLog
from goldenpath.home import Home
from goldenpath.observe.drift.findings import close, save
from goldenpath.processes.channel_status import STATUS, channel_status
from goldenpath.promote.platform.alarm_rules import (
    AlarmChannel,
    FileChannel,
    ModelOwner,
    WebhookChannel,
)
from goldenpath.times import timestamp
from tests.audit.alarms.examples import NOW, RELEASE, finding, tools
from tests.audit.alarms.receivers import hook

OWNER = ModelOwner("risk models", ("cred*",), "https://wiki.bank.example/drift")
FILE = FileChannel("log", "prod")


class Office:
    """A dispatch over one home, whose threads do not run: the test sends."""

    def __init__(self, root: Path, *channels: AlarmChannel) -> None:
        self.home = Home(root)
        self.faults: list[tuple[str, str]] = []
        tools_ = tools(root, self.faults, [NOW])
        source = AlarmSource(self.home, lambda message: self.faults.append(("", message)))
        self.dispatch = Dispatch(
            self.home.outbox, self.home.run / STATUS, source, tools_, interval=0.01
        )
        stages = (StageChannels("prod", channels or (FILE,)), StageChannels("test", (FILE,)))
        self.dispatch.use(AlarmSettings(stages, (OWNER,)))

    def end(self) -> None:
        self.dispatch.end(10)

    def delivered(self) -> list[dict[str, object]]:
        """What stands in the files after a round."""
        self.dispatch.round()
        self.end()
        texts = [file.read_text() for file in sorted(self.home.alarms.glob("*"))]
        return [json.loads(line) for text in texts for line in text.splitlines()]


def _event(kind: str, minutes: int, **other: object) -> Event:
    moment = timestamp(NOW + timedelta(minutes=minutes))
    values: dict[str, object] = {
        "time": moment, "kind": kind, "actor": "vera", "stage": "prod", "model": "credit",
        "digest": RELEASE, **other,
    }  # fmt: skip
    return Event(**values)  # type: ignore[arg-type]


def _alarm(message: str, minutes: int = 0, **other: object) -> Event:
    details = {"what": "overdue", "message": message}
    return _event("platform.alarm", minutes, actor="system", digest="", details=details, **other)


def test_a_finding_says_who_answers_and_what_changed_near_it(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events")
    built: dict[str, object] = {"stage": "", "actor": "dora"}
    log.append(_event("release.built", -9999, details={"data": ["clients@1"]}, **built))
    log.append(_event("release.built", -300, details={"data": ["clients@2"]}, **built))
    log.append(_event("release.promoted", -120))
    log.append(_event("release.promoted", -110, stage="test"))
    log.append(_event("rollout.stepped", -100, model="another"))
    log.append(_event("release.promoted", 60))
    save(tmp_path / "findings", finding())

    (notice,) = Office(tmp_path).delivered()

    assert (notice["owner"], notice["runbook"]) == (OWNER.name, OWNER.runbook)
    near = [(each["what"], each["by"]) for each in notice["nearby"]]  # type: ignore[attr-defined]
    assert near == [
        ("built from new data: clients@1", "dora"),
        ("built from new data: clients@2", "dora"),
        ("promoted into prod", "vera"),
    ]
    assert notice["kind"] == "new code" and notice["since"] == finding().since


def test_a_finding_reaches_the_channels_of_its_stage_once_for_each_state(tmp_path: Path) -> None:
    save(tmp_path / "findings", finding(1))
    save(tmp_path / "findings", finding(2, stage="dev", id="drift-dev"))
    assert [each["key"] for each in Office(tmp_path).delivered()] == [f"{finding().id}.open"]
    assert len(Office(tmp_path).delivered()) == 1

    close(tmp_path / "findings", finding().id, "vera", "cured", now=NOW)

    *_, last = Office(tmp_path).delivered()
    assert last["key"] == f"{finding().id}.closed"
    assert (last["closed_by"], last["reason"]) == ("vera", "cured")
    assert len(Office(tmp_path).delivered()) == 2


def test_a_new_channel_gets_what_is_open_and_nothing_that_ended_before(tmp_path: Path) -> None:
    for number in (1, 2):
        save(tmp_path / "findings", finding(number))
    close(tmp_path / "findings", finding(1).id, "vera", "cured", now=NOW)

    assert [each["finding"] for each in Office(tmp_path).delivered()] == [finding(2).id]


def test_an_alarm_of_the_platform_is_delivered_once_a_day(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events")
    log.append(_alarm("an older run", -60))
    log.append(_event("platform.started", -50, stage="", model="", digest=""))
    log.append(_alarm("approve credit", -40))
    log.append(_alarm("approve credit", -30))
    log.append(_alarm("the disk is full", -20, stage="", model=""))
    log.append(_alarm("of another stage", -10, stage="dev"))

    first = Office(tmp_path).delivered()
    log.append(_alarm("approve credit", 1))
    log.append(_alarm("approve credit", 24 * 60))
    later = Office(tmp_path).delivered()[len(first) :]

    prod = [each["what"] for each in first if each["stage"] == "prod"]
    assert prod == ["approve credit"]
    assert [each["what"] for each in first if not each["stage"]] == ["the disk is full"]
    assert [each["what"] for each in later] == ["approve credit"]


def test_a_break_of_the_audit_log_hides_no_alarm(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events")
    for number in range(3):
        log.append(_alarm(f"alarm {number}", number))
    (file,) = (tmp_path / "events").glob("events-*")
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(lines[0] + b"not a line\n" + lines[2])

    office = Office(tmp_path)
    (tmp_path / "outbox" / "prod.log").mkdir(parents=True)
    found = [each["what"] for each in office.delivered()]

    assert any("is broken" in message for _, message in office.faults)
    assert found == [] or "alarm 2" in found  # a new channel begins at the end of the log


def test_a_malformed_finding_is_named_and_hides_no_other(tmp_path: Path) -> None:
    save(tmp_path / "findings", finding(1))
    (tmp_path / "findings" / "drift-0.json").write_bytes(b"{")

    office = Office(tmp_path)

    assert [each["finding"] for each in office.delivered()] == [finding(1).id]
    assert any("drift-0" in message for _, message in office.faults)


def test_what_has_no_room_waits_loudly_and_is_delivered_later(tmp_path: Path) -> None:
    for number in range(1, 5):
        save(tmp_path / "findings", finding(number))
    with hook() as receiver:
        receiver.answers = [503] * 100
        channel = WebhookChannel("log", receiver.address, "ed25519")
        office = Office(tmp_path, channel)
        small = Outbox(tmp_path / "outbox" / "prod.log", most=2)
        office.dispatch._threads["prod.log"].sender.outbox = small
        office.dispatch.round()
        office.end()
        assert any("2 alarms wait before it" in message for _, message in office.faults)
        (status,) = (s for s in channel_status(Home(tmp_path)) if s.channel == "prod.log")
        assert (status.waiting, status.held_back) == (2, 2)

        receiver.answers, receiver.got = [], []
        office = Office(tmp_path, channel)
        office.dispatch.round()
        office.end()

    ids = [headers["webhook-id"] for _, headers, _ in receiver.got]
    assert ids == [f"{finding(number).id}.open" for number in range(1, 5)]


def _started(root: Path, channel: AlarmChannel) -> "subprocess.Popen[bytes]":
    launch = AlarmLaunch(str(root), str(root / "keys" / "alarms"), interval=0.02)
    child = subprocess.Popen(
        [sys.executable, "-m", "goldenpath.audit.alarms"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdin is not None
    settings = AlarmSettings((StageChannels("prod", (channel,)),), (OWNER,))
    child.stdin.write(msgspec.json.encode(launch) + b"\n" + msgspec.json.encode(settings) + b"\n")
    child.stdin.flush()
    return child


def test_the_process_is_killed_and_every_alarm_still_arrives(tmp_path: Path) -> None:
    for number in range(1, 9):
        save(tmp_path / "findings", finding(number))
    with hook() as receiver:
        receiver.answers = [503] * 3
        channel = WebhookChannel("on-call", receiver.address, "ed25519")
        folder = tmp_path / "outbox" / "prod.on-call"
        killed = _started(tmp_path, channel)
        give_up = time.monotonic() + 60
        while not waiting_names(folder) and time.monotonic() < give_up:
            time.sleep(0.002)
        os.kill(killed.pid, signal.SIGKILL)
        killed.communicate()
        assert waiting_names(folder)

        child = _started(tmp_path, channel)
        while len({h["webhook-id"] for _, h, _ in receiver.got}) < 8 or waiting_names(folder):
            assert time.monotonic() < give_up
            time.sleep(0.01)
        out, _ = child.communicate(timeout=30)

    events = [json.loads(line) for line in out.splitlines()]
    assert (events[0]["event"], events[-1]["event"]) == ("ready", "stopped")
    ids = [headers["webhook-id"] for _, headers, _ in receiver.got]
    assert sorted(set(ids)) == sorted(f"{finding(number).id}.open" for number in range(1, 9))


def test_a_launch_that_cannot_be_read_ends_it_with_a_reason() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "goldenpath.audit.alarms"],
        input=b'{"home":1}\n',
        capture_output=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 1
    assert json.loads(done.stdout)["event"] == "failed"
