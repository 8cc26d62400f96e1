"""The audit log as OTLP logs: each event once, in order, also when the receiver is away."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from goldenpath.audit.alarms.event_export import EventExport
from goldenpath.audit.events.event import Event, Kind
from goldenpath.audit.events.event_log import EventLog
from goldenpath.observe.telemetry.otlp_settings import otlp_settings
from tests.audit.alarms.receivers import Hook, hook

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def _bodies(receiver: Hook) -> list[str]:
    requests = [ExportLogsServiceRequest.FromString(body) for _, _, body in receiver.got]
    return [
        f"{record.severity_text} {record.body.string_value}"
        for request in requests
        for resource in request.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    ]


def test_each_event_is_sent_once_also_after_a_restart_and_an_outage(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events")

    def append(kind: Kind) -> None:
        log.append(Event("2026-11-22T09:00:00.000000Z", kind, "validator", "prod", "credit"))

    faults: list[str] = []
    with hook() as receiver:
        settings = otlp_settings({"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": f"{receiver.address}/logs"})

        def export() -> EventExport:
            position = tmp_path / "position.json"
            return EventExport(tmp_path / "events", position, settings, faults.append)

        first = export()
        append("platform.started")
        first.round(NOW)
        append("release.promoted")
        append("release.refused")
        receiver.answers = [200, 503, 503]
        first.round(NOW)
        append("drift.closed")
        first.round(NOW)
        first.round(NOW + timedelta(seconds=1))
        assert len(faults) == 1 and "answers with 503" in faults[0]
        receiver.answers, receiver.got = [], []
        export().round(NOW)
        export().round(NOW)

    assert _bodies(receiver) == ["INFO drift.closed by validator"]
