"""Telemetry, read back by a real OTLP receiver and from the files of the home."""

import gzip
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from goldenpath import instruments
from goldenpath.observe.drift.monitor import Monitor
from goldenpath.observe.log.records import Block
from goldenpath.observe.telemetry.otlp import TelemetryFiles
from goldenpath.observe.telemetry.otlp_sender import OtlpSender
from goldenpath.observe.telemetry.otlp_settings import OtlpSettings, otlp_settings
from goldenpath.observe.telemetry.telemetry import Telemetry
from tests.observe.spooling import DIGEST, FACTS, answer, draw, header

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
PARENT = f"00-{'1' * 32}-{'2' * 16}-01"


@dataclass
class _Received:
    metrics: list[ExportMetricsServiceRequest] = field(default_factory=list)
    traces: list[ExportTraceServiceRequest] = field(default_factory=list)
    logs: list[tuple[dict[str, str], ExportLogsServiceRequest]] = field(default_factory=list)
    address: str = ""


@pytest.fixture
def receiver() -> Iterator[_Received]:
    received = _Received()

    class _Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            if self.path == "/v1/metrics":
                received.metrics.append(ExportMetricsServiceRequest.FromString(body))
                answer = ExportMetricsServiceResponse().SerializeToString()
            elif self.path == "/v1/logs":
                received.logs.append(
                    (dict(self.headers.items()), ExportLogsServiceRequest.FromString(body))
                )
                answer = b""
            else:
                received.traces.append(ExportTraceServiceRequest.FromString(body))
                answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    received.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield received
    server.shutdown()
    server.server_close()
    thread.join()


def _settings(address: str, **other: str) -> OtlpSettings:
    return otlp_settings({"OTEL_EXPORTER_OTLP_ENDPOINT": address, **other})


def _observe(root: Path, sender: OtlpSender | None, now: datetime = NOW) -> None:
    monitor = Monitor(root / "drift", root / "findings", lambda digest: FACTS)
    telemetry = Telemetry(
        TelemetryFiles(root / "telemetry"), sender, lambda digest: FACTS, started=now, share=0.0
    )
    rows = draw(1000, 1, new_code=0.15)
    answered = [
        answer(0, rows[:500], subjects=["client-7"] * 500, traceparent=PARENT),
        answer(1, rows[500:]),
        answer(2, rows[:0], status=400, refusal="column income is missing"),
    ]
    fresh, _ = monitor.add(Block.of(header(), answered), now)
    telemetry.add(fresh)
    telemetry.flush(monitor.verdicts, now, finish=True)


def _by_name(request: ExportMetricsServiceRequest) -> dict[str, Metric]:
    return {
        metric.name: metric
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


def test_a_receiver_gets_the_metrics_by_the_conventions(
    tmp_path: Path, receiver: _Received
) -> None:
    sender = OtlpSender(_settings(receiver.address), lambda message: None)
    _observe(tmp_path, sender)
    sender.close()

    assert sender.dropped == 0
    found = _by_name(receiver.metrics[0])
    duration = found[instruments.REQUEST_DURATION]
    assert duration.unit == "s"
    points = duration.histogram.data_points
    assert tuple(points[0].explicit_bounds) == instruments.REQUEST_DURATION_BOUNDS
    assert sum(point.count for point in points) == 3
    assert found[instruments.PREDICTIONS].sum.data_points[0].as_int == 1000
    assert found[instruments.PREDICTION_SCORE].histogram.data_points[0].count == 1000
    outcomes = found[instruments.PREDICTION_OUTCOME].sum
    assert outcomes.is_monotonic and sum(p.as_int for p in outcomes.data_points) == 1000
    bins = found[instruments.FEATURE_BIN].sum.data_points
    assert sum(point.as_int for point in bins) == 3 * 1000
    assert instruments.DRIFT_PSI in found and instruments.DRIFT_EVIDENCE in found
    where = {
        attribute.key: attribute.value.string_value
        for attribute in receiver.metrics[0].resource_metrics[0].resource.attributes
    }
    assert where[instruments.MANIFEST_DIGEST] == DIGEST
    assert where[instruments.ENVIRONMENT] == "prod"
    assert where[instruments.SLOT] == "stable"


def test_a_span_continues_the_trace_of_a_caller_who_samples(
    tmp_path: Path, receiver: _Received
) -> None:
    sender = OtlpSender(_settings(receiver.address), lambda message: None)
    _observe(tmp_path, sender)
    sender.close()

    (span,) = receiver.traces[0].resource_spans[0].scope_spans[0].spans
    assert span.trace_id.hex() == "1" * 32
    assert span.parent_span_id.hex() == "2" * 16
    assert span.end_time_unix_nano - span.start_time_unix_nano == 2_000_000


def test_the_same_stands_in_files_as_otlp_json_with_nothing_personal(tmp_path: Path) -> None:
    _observe(tmp_path, None)

    metrics = (tmp_path / "telemetry" / "metrics.jsonl").read_text()
    traces = (tmp_path / "telemetry" / "traces.jsonl").read_text()
    assert instruments.FEATURE_BIN in metrics
    (line,) = traces.splitlines()
    span = json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    assert span["traceId"] == "1" * 32 and span["parentSpanId"] == "2" * 16
    assert "client-7" not in metrics + traces
    assert "income is missing" not in metrics + traces


def test_files_are_rotated_and_bounded(tmp_path: Path) -> None:
    files = TelemetryFiles(tmp_path, max_file=3000, kept_files=2)
    telemetry = Telemetry(files, None, lambda digest: FACTS, started=NOW)
    for sequence in range(30):
        telemetry.add(Block.of(header(), [answer(sequence, draw(1, 1))]))
        telemetry.flush(list, NOW, finish=True)

    names = sorted(path.name for path in tmp_path.glob("metrics*"))
    assert names == ["metrics.jsonl", "metrics.jsonl.1", "metrics.jsonl.2"]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 4 * 5000


def test_a_receiver_that_is_away_costs_telemetry_and_nothing_else(tmp_path: Path) -> None:
    said: list[str] = []
    sender = OtlpSender(_settings("http://127.0.0.1:9"), said.append)
    _observe(tmp_path, sender)
    sender.close()

    assert (tmp_path / "telemetry" / "metrics.jsonl").exists()


def test_refusals_sampled_requests_and_alarms_are_logs_without_a_value(
    tmp_path: Path, receiver: _Received
) -> None:
    variables = {
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20abc,x-tenant=bank",
        "OTEL_RESOURCE_ATTRIBUTES": "cloud.region=eu,service.name=other",
        "OTEL_SERVICE_NAME": "scoring",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
    }
    sender = OtlpSender(_settings(receiver.address, **variables), lambda message: None)
    _observe(tmp_path, sender)
    sender.close()

    ((headers, request),) = receiver.logs
    assert (headers["authorization"], headers["x-tenant"]) == ("Bearer abc", "bank")
    records = [r for each in request.resource_logs for s in each.scope_logs for r in s.log_records]
    assert [each.severity_text for each in records] == ["INFO", "WARN"]
    sampled, refused = records
    (span,) = receiver.traces[0].resource_spans[0].scope_spans[0].spans
    assert (sampled.trace_id, sampled.span_id) == (span.trace_id, span.span_id)
    assert "income is missing" in refused.body.string_value
    for message in (request.resource_logs[0], receiver.metrics[0].resource_metrics[0]):
        where = {each.key: each.value.string_value for each in message.resource.attributes}
        assert (where["service.name"], where["goldenpath.model"]) == ("scoring", "credit")
        assert where["cloud.region"] == "eu"
        assert where[instruments.MANIFEST_DIGEST] == DIGEST
