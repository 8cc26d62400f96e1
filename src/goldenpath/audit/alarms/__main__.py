"""The process that delivers alarms: `python -m goldenpath.audit.alarms`, a child of `up`.

The first line on standard input is an `AlarmLaunch`. Later lines are `AlarmSettings`. At the end of
standard input every channel tries once more, and the process exits. It writes one JSON object per
line to standard output.
"""

import signal
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from goldenpath.audit.alarms.alarm_dispatch import Dispatch
from goldenpath.audit.alarms.alarm_sender import SendingTools
from goldenpath.audit.alarms.alarm_settings import AlarmLaunch, AlarmSettings
from goldenpath.audit.alarms.alarm_source import AlarmSource
from goldenpath.audit.alarms.channel_secrets import ChannelSecrets
from goldenpath.audit.alarms.event_export import EventExport
from goldenpath.home import Home
from goldenpath.observe.telemetry.otlp_settings import otlp_settings
from goldenpath.processes.channel_status import STATUS
from goldenpath.processes.commands import Commands

LAST_SECONDS = 5.0
"""How long the channels may try at the end."""
_OUTPUT = threading.Lock()


def main() -> int:
    """Run until standard input ends. Return the exit code."""
    # Ctrl-C reaches the whole process group. Only the supervisor knows when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    commands = Commands(sys.stdin.fileno())
    try:
        launch = msgspec.json.decode(commands.first(), type=AlarmLaunch)
    except msgspec.DecodeError as error:
        _failed(str(error))
        return 1
    home = Home(Path(launch.home))
    tools = SendingTools(
        alarms=home.alarms,
        secrets=ChannelSecrets(Path(launch.secrets)),
        environment=launch.environment,
        ca_file=Path(launch.ca_file) if launch.ca_file else None,
        report=_report,
        clock=lambda: datetime.now(UTC),
    )
    source = AlarmSource(home, _failed)
    dispatch = Dispatch(home.outbox, home.run / STATUS, source, tools, interval=launch.interval)
    export = EventExport(
        home.events, home.outbox / "audit-events.json", otlp_settings(launch.otlp), _failed
    )
    _emit({"event": "ready"})
    while not commands.have_ended:
        for line in commands.within(launch.interval):
            try:
                dispatch.use(msgspec.json.decode(line, type=AlarmSettings))
            except msgspec.DecodeError as error:
                _failed(f"a line of standard input cannot be parsed: {error}")
        dispatch.round()
        export.round(datetime.now(UTC))
    export.round(datetime.now(UTC))
    dispatch.end(LAST_SECONDS)
    _emit({"event": "stopped"})
    return 0


def _report(channel: str, message: str) -> None:
    """Pass on that a channel fails, or that it works again."""
    if message:
        _failed(f"{channel}: {message}")
    else:
        _emit({"event": "delivered", "channel": channel})


def _failed(message: str) -> None:
    _emit({"event": "failed", "message": message})


def _emit(event: Mapping[str, str]) -> None:
    with _OUTPUT:
        sys.stdout.buffer.write(msgspec.json.encode(event) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
