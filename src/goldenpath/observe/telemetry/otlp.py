"""The export of telemetry: to files of the home, and to an OTLP receiver if one is set.

The files hold one OTLP/JSON message per line, like those of the file exporter in the specification.
Their size is bounded. A thread of its own sends to the receiver. If the receiver is down, telemetry
is dropped and counted, and the log is never delayed.
"""

import base64
import json
import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

MAX_FILE = 8 * 1024 * 1024
KEPT_FILES = 3
_WAITING = 16
_IDS = ("traceId", "spanId", "parentSpanId")


class TelemetryFiles:
    """The files `metrics.jsonl` and `traces.jsonl`. Older ones end in `.1`, `.2` and so on."""

    def __init__(
        self, folder: Path, *, max_file: int = MAX_FILE, kept_files: int = KEPT_FILES
    ) -> None:
        self._folder = folder
        self._max_file = max_file
        self._kept_files = kept_files

    def metrics(self, data: MetricsData) -> None:
        """Append metrics."""
        self._append("metrics", MessageToDict(encode_metrics(data)))

    def traces(self, spans: Sequence[ReadableSpan]) -> None:
        """Append spans."""
        self._append("traces", _hexadecimal(MessageToDict(encode_spans(spans))))

    def _append(self, name: str, message: object) -> None:
        line = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{name}.jsonl"
        if path.exists() and path.stat().st_size + len(line) > self._max_file:
            self._rotate(path)
        with path.open("ab") as file:
            file.write(line)

    def _rotate(self, path: Path) -> None:
        for number in range(self._kept_files - 1, 0, -1):
            older = path.with_name(f"{path.name}.{number}")
            if older.exists():
                older.replace(path.with_name(f"{path.name}.{number + 1}"))
        path.replace(path.with_name(f"{path.name}.1"))


def _hexadecimal(value: object) -> object:
    # OTLP/JSON writes ids in hexadecimal, unlike the JSON of every other protobuf message.
    if isinstance(value, dict):
        return {
            key: base64.b64decode(item).hex() if key in _IDS else _hexadecimal(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_hexadecimal(item) for item in value]
    return value


class OtlpSender:
    """A sender to an OTLP/HTTP receiver, in a thread of its own."""

    def __init__(
        self, endpoint: str, report: Callable[[str], None], *, seconds: float = 5.0
    ) -> None:
        base = endpoint.rstrip("/")
        self._metrics = OTLPMetricExporter(endpoint=f"{base}/v1/metrics", timeout=seconds)
        self._spans = OTLPSpanExporter(endpoint=f"{base}/v1/traces", timeout=seconds)
        self._report = report
        self._queue: queue.Queue[MetricsData | Sequence[ReadableSpan] | None] = queue.Queue(
            _WAITING
        )
        self._seconds = seconds
        self.dropped = 0
        """The number of messages dropped because the queue was full or the receiver failed."""
        self._thread = threading.Thread(target=self._run, name="otlp", daemon=True)
        self._thread.start()

    def send(self, message: MetricsData | Sequence[ReadableSpan]) -> None:
        """Queue a message. If the queue is full, drop and count it."""
        try:
            self._queue.put_nowait(message)
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Send what waits, for at most the timeout of one message."""
        try:
            self._queue.put(None, timeout=self._seconds)
        except queue.Full:
            return
        self._thread.join(self._seconds)

    def _run(self) -> None:
        while (message := self._queue.get()) is not None:
            if isinstance(message, MetricsData):
                is_delivered = self._metrics.export(message) is MetricExportResult.SUCCESS
            else:
                is_delivered = self._spans.export(message) is SpanExportResult.SUCCESS
            if not is_delivered:
                self.dropped += 1
                self._report("telemetry could not be sent to the OTLP receiver")
