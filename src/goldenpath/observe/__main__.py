"""The observer as a process: `python -m goldenpath.observe`, a child of `goldenpath up`.

The first line on standard input is an `ObserverLaunch`. Later lines are `Keeping`. At the end of
standard input the observer seals everything and exits. It writes one JSON object per line to
standard output.
"""

import gc
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from goldenpath.canonical import JsonValue
from goldenpath.errors import GoldenPathError
from goldenpath.home import Home
from goldenpath.http.access import Access, load_access
from goldenpath.http.tls import Shown
from goldenpath.observe.drift.monitor import Monitor
from goldenpath.observe.drift.monitor_state import watches
from goldenpath.observe.drift.outcomes import Outcomes
from goldenpath.observe.drift.request_volume import RequestVolume
from goldenpath.observe.drift.unobserved import UnobservedReleases
from goldenpath.observe.log.prediction_log import PredictionLog
from goldenpath.observe.log.release_parts import Releases
from goldenpath.observe.log.spool_tail import Tail
from goldenpath.observe.log.subject_keys import Subjects
from goldenpath.observe.observer import Observer, PublishedRefusals
from goldenpath.observe.shares.group_outcomes import GroupOutcomes
from goldenpath.observe.shares.refused_requests import RefusalMonitor
from goldenpath.observe.telemetry.monitor_series import FindingCounts
from goldenpath.observe.telemetry.otlp import TelemetryFiles
from goldenpath.observe.telemetry.otlp_sender import OtlpSender
from goldenpath.observe.telemetry.otlp_settings import otlp_settings
from goldenpath.observe.telemetry.scraping import MetricsPage
from goldenpath.observe.telemetry.telemetry import Telemetry
from goldenpath.processes.channel_status import ChannelStatus, channel_status
from goldenpath.processes.commands import Commands
from goldenpath.processes.launch import ReleaseSource
from goldenpath.processes.log_lines import log_line
from goldenpath.processes.observer_launch import Keeping, ObserverLaunch
from goldenpath.release.artifact.source_store import open_source
from goldenpath.release.attest.keys import PemSigner, generate_key
from goldenpath.serve.gateway.refusals import FILE

RECENT = timedelta(days=7)
"""How long a deployment without requests keeps its series after a restart."""

COLLECT = (50_000, 20, 50)
"""Thresholds of the garbage collector, raised: a batch has many objects and no cycles."""


def main() -> int:
    """Run until standard input ends. Return the exit code."""
    # Ctrl-C reaches the whole process group. Only the supervisor knows when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    commands = Commands(sys.stdin.fileno())
    try:
        launch = msgspec.json.decode(commands.first(), type=ObserverLaunch)
        observer, close, details = _assemble(launch)
    except (msgspec.DecodeError, GoldenPathError) as error:
        _emit({"event": "failed", "message": str(error)})
        return 1
    gc.freeze()
    gc.set_threshold(*COLLECT)
    _emit({"event": "ready", **details})
    has_more = False
    while not commands.have_ended:
        for line in commands.within(0.0 if has_more else launch.interval):
            _update_keeping(line, observer)
        if not commands.have_ended:
            has_more = observer.round(datetime.now(UTC))
    while observer.round(datetime.now(UTC), finish=True):
        pass
    close()
    _emit({"event": "stopped"})
    return 0


def _assemble(
    launch: ObserverLaunch,
) -> tuple[Observer, Callable[[], None], Mapping[str, JsonValue]]:
    home = Home(Path(launch.home))
    subjects = Subjects(home.keys)
    source = launch.source or ReleaseSource(launch.store)
    facts = Releases(open_source(source), _failed)
    log = PredictionLog(home.predictions, subjects, _signer(home.log_key), facts)
    otlp = otlp_settings(launch.otlp)
    sender = OtlpSender(otlp, log_line) if otlp.targets else None
    telemetry = Telemetry(
        TelemetryFiles(home.telemetry),
        sender,
        facts,
        started=datetime.now(UTC),
        share=launch.spans,
        bins=launch.bins,
        findings=FindingCounts(home.findings, _failed),
        channels=lambda: _channels(home),
    )
    page = _page(launch, telemetry)
    tail = Tail(home.spool, log.resume, log_line)
    monitor = Monitor(home.drift, home.findings, facts)
    _know_recent(monitor, home, datetime.now(UTC))

    def close() -> None:
        if page is not None:
            page.close()
        if sender is not None:
            sender.close()
        subjects.close()

    refusals = PublishedRefusals(home.run / FILE)
    observer = Observer(
        launch, tail, log, monitor, telemetry, Outcomes(facts), _emit, refusals,
        UnobservedReleases(home.findings), facts.fault,
        volume=RequestVolume(home.drift, home.findings, facts),
        shares=(
            RefusalMonitor(home.drift, home.findings, facts),
            GroupOutcomes(home.drift, home.findings, facts),
        ),
    )  # fmt: skip
    return observer, close, {"metrics": page.address} if page else {}


def _know_recent(monitor: Monitor, home: Home, now: datetime) -> None:
    """Load every deployment of the last week: its series go on after a restart."""
    begin = f"{now - RECENT:%Y-%m-%dT%H:%M:%S}"
    try:
        for watch in watches(home.drift, "*", "*").values():
            if watch.updated_at >= begin:
                monitor.know(watch.stage, watch.model, watch.release)
    except GoldenPathError as error:
        _failed(error.message)


def _channels(home: Home) -> Sequence[ChannelStatus]:
    """Return how the alarm channels are doing. If that cannot be read, it is reported."""
    try:
        return channel_status(home)
    except GoldenPathError as error:
        _failed(error.message)
        return ()


def _page(launch: ObserverLaunch, telemetry: Telemetry) -> MetricsPage | None:
    """Return the metrics page. If it cannot be opened, the log goes on without it."""
    if not launch.metrics:
        return None
    try:
        shown = Shown(launch.listener_settings, log_line)
        page = MetricsPage(launch.metrics, telemetry.page, _access(launch), shown.context)
    except GoldenPathError as error:
        _failed(error.message)
        return None

    def reload(number: int, frame: object) -> None:
        shown.reload()
        try:
            page.access = _access(launch)
        except GoldenPathError as error:
            log_line(f"not reloaded: {error.message}")

    signal.signal(signal.SIGHUP, reload)
    return page


def _access(launch: ObserverLaunch) -> Access | None:
    file = launch.listener_settings.access
    return load_access(Path(file), log_line) if file else None


def _signer(path: Path) -> PemSigner:
    return PemSigner.load(path) if path.exists() else generate_key(path)


def _update_keeping(line: bytes, observer: Observer) -> None:
    """Apply new retention rules from the supervisor."""
    try:
        observer.keeping = msgspec.json.decode(line, type=Keeping)
    except msgspec.DecodeError as error:
        _failed(f"a line of standard input cannot be parsed: {error}")


def _emit(event: Mapping[str, JsonValue]) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(event) + b"\n")
    sys.stdout.buffer.flush()


def _failed(message: str) -> None:
    _emit({"event": "failed", "message": message})


if __name__ == "__main__":
    sys.exit(main())
