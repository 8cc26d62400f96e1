"""OTLP log records of sampled requests, refusals and alarms: no input, no subject, no score."""

from collections.abc import Mapping
from datetime import datetime

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceMessage
from opentelemetry.sdk.trace import ReadableSpan

from goldenpath import instruments as names
from goldenpath.observe.drift.findings import DriftFinding
from goldenpath.serve.record.spool_format import Answered, SpoolHeader
from goldenpath.version import __version__

INFO, WARN = (9, "INFO"), (13, "WARN")
"""Number and text of the severities, by the data model of logs."""
Where = tuple[tuple[str, str], ...]
"""The attributes of a resource."""


def request_log(item: Answered, path: str, span: ReadableSpan | None) -> LogRecord:
    """Return the record of a request: a sampled one, linked to its span, or a refused one."""
    severity = WARN if item.refusal else INFO
    body = f"POST {path} {item.status}"
    attributes: dict[str, str | int] = {
        names.PREDICTION_ID: item.prediction_id,
        names.PREDICTION_ROWS: item.rows,
        names.STATUS_CODE: item.status,
        names.ROUTE: path,
    }
    if item.refusal:
        body = f"{body}: {item.refusal[:500]}"
    record = log_record(
        "request", body, severity, item.started + item.duration, attributes=attributes
    )
    context = span.get_span_context() if span is not None else None
    if context is not None:
        record.trace_id = context.trace_id.to_bytes(16, "big")
        record.span_id = context.span_id.to_bytes(8, "big")
    return record


def finding_log(finding: DriftFinding) -> LogRecord:
    """Return the record of an alarm, or of its end."""
    severity, moment = WARN, finding.opened_at
    if finding.state != "open":
        severity, moment = INFO, finding.resolved_at
    attributes: dict[str, str | int] = {
        "goldenpath.finding.id": finding.id,
        "goldenpath.finding.state": finding.state,
        names.FINDING_KIND: finding.kind,
        names.FEATURE_NAME: finding.feature,
    }
    time = int(datetime.fromisoformat(moment).timestamp() * 1e9)
    return log_record("alarm", finding.sentence[:2000], severity, time, attributes=attributes)


def log_record(
    event: str,
    body: str,
    severity: tuple[int, str],
    time: int,
    *,
    attributes: Mapping[str, str | int],
) -> LogRecord:
    """Return one record; `event` is its kind, `time` in nanoseconds since 1970."""
    number, text = severity
    return LogRecord(
        time_unix_nano=time,
        observed_time_unix_nano=time,
        severity_number=number,  # type: ignore[arg-type]
        severity_text=text,
        body=AnyValue(string_value=body),
        attributes=[*_pairs(attributes)],
        event_name=f"goldenpath.{event}",
    )


def logs_request(records: Mapping[Where, list[LogRecord]]) -> ExportLogsServiceRequest:
    """Return the message with the records of each resource."""
    scope = InstrumentationScope(name="goldenpath.observe", version=__version__)
    return ExportLogsServiceRequest(
        resource_logs=[
            ResourceLogs(
                resource=ResourceMessage(attributes=_pairs(dict(where))),
                scope_logs=[ScopeLogs(scope=scope, log_records=found)],
            )
            for where, found in records.items()
        ]
    )


def where_of(header: SpoolHeader) -> Where:
    """Return the resource of the requests of one server."""
    return (
        (names.SERVICE_NAME, header.model),
        (names.ENVIRONMENT, header.stage),
        (names.MANIFEST_DIGEST, header.digest),
        (names.SERVICE_INSTANCE, header.replica),
        (names.SLOT, header.slot),
    )


def _pairs(attributes: Mapping[str, str | int]) -> list[KeyValue]:
    return [
        KeyValue(key=key, value=AnyValue(int_value=value))
        if isinstance(value, int)
        else KeyValue(key=key, value=AnyValue(string_value=value))
        for key, value in attributes.items()
    ]
