"""Sends the audit log to an OTLP receiver as log records: each event once, in order.

The position stands in a file, so nothing is left out while the receiver is away. A process that is
killed after the receiver's answer sends the last batch again; each record has its number.
"""

from collections.abc import Callable
from datetime import datetime
from itertools import islice
from pathlib import Path

import msgspec
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from goldenpath import instruments as names
from goldenpath.audit.events.event import Event
from goldenpath.audit.events.event_tail import LogPosition, beginning_of_run, events_after
from goldenpath.backoff import pause_after
from goldenpath.errors import GoldenPathError
from goldenpath.files import write_whole
from goldenpath.observe.telemetry.log_records import INFO, WARN, Where, log_record, logs_request
from goldenpath.observe.telemetry.otlp_sender import encoded
from goldenpath.observe.telemetry.otlp_settings import OtlpSettings
from goldenpath.observe.telemetry.otlp_transport import OtlpTransport, transport
from goldenpath.parsers.typed import read_record
from goldenpath.times import ElapsedTime

BATCH = 500
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
_MOST_DETAILS = 4_000
_WARNINGS = (".refused", ".failed", ".alarm", ".lost", ".rolled-back")


class EventExport:
    """The export of one audit log. `round` sends what is new."""

    def __init__(
        self, events: Path, position: Path, settings: OtlpSettings, report: Callable[[str], None]
    ) -> None:
        """`events` is the folder of the log, `position` the file with what was sent last."""
        self._events = events
        self._file = position
        self._settings = settings
        self._report = report
        self._transport: OtlpTransport | None = None
        self._position: LogPosition | None = None
        self._failures = 0
        self._elapsed = ElapsedTime()
        self._pause_until = 0.0
        """In seconds that passed."""

    def round(self, now: datetime) -> None:
        """Send the next events. A receiver that is away is reported once, and tried again."""
        target = self._settings.targets.get("logs")
        elapsed = self._elapsed.at(now)
        if target is None or elapsed < self._pause_until:
            return
        try:
            if self._transport is None:
                self._transport = transport("logs", target)
            while self._send_batch(self._transport):
                pass
            self._failures = 0
        except (GoldenPathError, OSError) as error:
            if not self._failures:
                self._report(f"audit events could not be sent: {error}")
            pause = pause_after(self._failures, first=FIRST_PAUSE, longest=LONGEST_PAUSE)
            self._failures += 1
            self._pause_until = elapsed + pause

    def _send_batch(self, receiver: OtlpTransport) -> bool:
        """Send at most `BATCH` events; return whether there may be more."""
        if self._position is None:
            self._position = self._first_position()
        batch = [*islice(events_after(self._events, self._position, self._report), BATCH)]
        if not batch:
            return False
        records: dict[Where, list[LogRecord]] = {}
        for position, event in batch:
            records.setdefault(_where(event), []).append(event_log(event, position.count - 1))
        receiver.export(encoded(logs_request(records), self._settings.resource))
        self._position = batch[-1][0]
        write_whole(self._file, msgspec.json.encode(self._position))
        return len(batch) == BATCH

    def _first_position(self) -> LogPosition:
        try:
            return read_record(self._file, LogPosition)
        except FileNotFoundError:
            return beginning_of_run(self._events, self._report)


def event_log(event: Event, sequence: int) -> LogRecord:
    """Return an event as a log record."""
    details = msgspec.json.encode(event.details or {}).decode()[:_MOST_DETAILS]
    attributes: dict[str, str | int] = {
        "goldenpath.event.sequence": sequence,
        "goldenpath.event.actor": event.actor,
        "goldenpath.event.commit": event.commit,
        "goldenpath.event.details": details,
    }
    severity = WARN if event.kind.endswith(_WARNINGS) else INFO
    time = int(datetime.fromisoformat(event.time).timestamp() * 1e9)
    body = f"{event.kind} by {event.actor}"
    return log_record(f"audit.{event.kind}", body, severity, time, attributes=attributes)


def _where(event: Event) -> Where:
    where = (
        (names.SERVICE_NAME, event.model or "goldenpath"),
        (names.ENVIRONMENT, event.stage),
        (names.MANIFEST_DIGEST, event.digest),
    )
    return tuple((key, text) for key, text in where if text)
