"""Deposits every alarm in the outbox of every channel of its stage, once for each state."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from goldenpath.audit.alarms.alarm_sender import ChannelSender, SenderThread, SendingTools
from goldenpath.audit.alarms.alarm_settings import AlarmSettings
from goldenpath.audit.alarms.alarm_source import PLATFORM, AlarmSource, state_of
from goldenpath.audit.alarms.notice import Notice
from goldenpath.audit.alarms.outbox import Outbox
from goldenpath.audit.events.event_tail import (
    LogPosition,
    beginning_of_run,
    events_after,
)
from goldenpath.errors import GoldenPathError
from goldenpath.files import publish
from goldenpath.observe.drift.findings import DriftFinding
from goldenpath.processes.channel_status import ChannelStatus

_MOST_PLATFORM = 2_000
"""Alarms of the platform that a ledger remembers."""


class Dispatch:
    """All channels of the machine. `round` deposits; a thread of each channel sends."""

    def __init__(
        self, root: Path, status: Path, source: AlarmSource, tools: SendingTools, *, interval: float
    ) -> None:
        """`root` has the outboxes, `status` is the file that describes them."""
        self._root = root
        self._status = status
        self._source = source
        self._tools = tools
        self._interval = interval
        self._threads: dict[str, SenderThread] = {}
        self._held: dict[str, int] = {}
        self._published: list[ChannelStatus] = []
        self._beginning: LogPosition | None = None
        """Where a new channel begins to read the audit log."""

    def use(self, settings: AlarmSettings) -> None:
        """Follow new settings. What waits for a removed channel stays on disk."""
        self._source.owners = settings.owners
        wanted = {
            f"{stage.stage}.{channel.name}": channel
            for stage in settings.stages
            for channel in stage.channels
        }
        for name in [*self._threads]:
            if self._threads[name].sender.channel != wanted.get(name):
                self._threads.pop(name).end(self._interval)
        for name in wanted.keys() - self._threads.keys():
            try:
                outbox = Outbox(self._root / name)
            except GoldenPathError as error:
                self._tools.report(name, error.message)
                continue
            sender = ChannelSender(name, wanted[name], outbox, self._tools)
            self._threads[name] = SenderThread(sender, self._interval)

    def round(self) -> None:
        """Deposit what is due, and publish how the channels are doing."""
        findings = self._source.findings() if self._threads else {}
        notices: dict[tuple[str, str], Notice] = {}
        for name, thread in self._threads.items():
            try:
                self._fill(name, thread.sender.outbox, findings, notices)
            except (GoldenPathError, OSError) as error:
                self._tools.report(name, f"alarms cannot be stored: {error}")
            thread.wake()
        self._publish()

    def end(self, seconds: float) -> None:
        """Let every channel try once more. What is left waits on disk."""
        for thread in self._threads.values():
            thread.end(seconds)
        self._publish()

    def _fill(
        self,
        name: str,
        outbox: Outbox,
        findings: Mapping[str, DriftFinding],
        notices: dict[tuple[str, str], Notice],
    ) -> None:
        stage = name.partition(".")[0]
        before = msgspec.json.encode(outbox.ledger)
        held = 0
        if outbox.ledger.position is None:
            # A new channel gets what is open now, and nothing that ended before it was there.
            if self._beginning is None:
                self._beginning = beginning_of_run(self._source.home.events, self._source.report)
            outbox.ledger.position = self._beginning
            outbox.ledger.findings = {
                each.id: state_of(each) for each in findings.values() if state_of(each) != "open"
            }
        for finding in sorted(findings.values(), key=lambda each: each.opened_at):
            state = state_of(finding)
            is_mine = finding.stage in (stage, "")
            if not is_mine or outbox.ledger.findings.get(finding.id) == state:
                continue
            key = (finding.id, state)
            if key not in notices:
                notices[key] = self._source.notice(finding)
            if outbox.deposit(notices[key]):
                outbox.ledger.findings[finding.id] = state
            else:
                held += 1
        held += self._platform_alarms(name, stage, outbox)
        _forget(outbox, findings)
        if msgspec.json.encode(outbox.ledger) != before:
            outbox.save()
        self._hold_back(name, held)

    def _platform_alarms(self, name: str, stage: str, outbox: Outbox) -> int:
        """Deposit alarms of the platform; return 1 if one had no room."""
        ledger = outbox.ledger
        assert ledger.position is not None  # noqa: S101 - `_fill` set it

        def report(message: str) -> None:
            self._tools.report(name, message)

        for position, event in events_after(self._source.home.events, ledger.position, report):
            if event.kind == "platform.alarm" and event.stage in (stage, ""):
                notice = self._source.platform_notice(event)
                if notice.finding not in ledger.findings and not outbox.deposit(notice):
                    return 1
                ledger.findings[notice.finding] = "open"
            ledger.position = position
        return 0

    def _hold_back(self, name: str, held: int) -> None:
        if held and held != self._held.get(name):
            self._tools.report(name, f"the outbox is full: {held} alarms wait before it")
        self._held[name] = held

    def _publish(self) -> None:
        status = [*self._described()]
        if status != self._published:
            try:
                publish(self._status, msgspec.json.encode(status))
            except OSError:
                return  # a full disk; the next round tries again
            self._published = status

    def _described(self) -> Iterator[ChannelStatus]:
        for name in sorted(self._threads):
            sender = self._threads[name].sender
            yield ChannelStatus(name, len(sender.outbox), self._held.get(name, 0), sender.fault)


def _forget(outbox: Outbox, findings: Mapping[str, DriftFinding]) -> None:
    """Drop findings that are gone, and the oldest alarms of the platform."""
    known = outbox.ledger.findings
    platform = sorted(each for each in known if each.startswith(PLATFORM))
    kept = {*findings, *platform[-_MOST_PLATFORM:]}
    if len(known) > len(kept.intersection(known)):
        outbox.ledger.findings = {name: known[name] for name in known if name in kept}
