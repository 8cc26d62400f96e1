"""Sends telemetry to OTLP receivers, in a thread of its own.

If a receiver is down, telemetry is dropped and counted, and the log is never delayed.
"""

import queue
import threading
from collections.abc import Callable, Mapping, Sequence

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceMessage
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.trace import ReadableSpan

from goldenpath.errors import GoldenPathError
from goldenpath.instruments import SERVICE_NAME
from goldenpath.observe.telemetry.otlp_settings import OtlpSettings, Signal
from goldenpath.observe.telemetry.otlp_transport import OtlpTransport, transport

_WAITING = 48
MODEL = "goldenpath.model"
"""Attribute of a resource with the model, if `OTEL_SERVICE_NAME` names the service otherwise."""

Telemetry = MetricsData | Sequence[ReadableSpan] | ExportLogsServiceRequest


class OtlpSender:
    """A sender of all signals that have a target."""

    def __init__(self, settings: OtlpSettings, report: Callable[[str], None]) -> None:
        self._settings = settings
        self._report = report
        self._queue: queue.Queue[Telemetry | None] = queue.Queue(_WAITING)
        self._seconds = max((each.seconds for each in settings.targets.values()), default=0.0)
        self._transports: dict[Signal, OtlpTransport] = {}
        self.dropped = 0
        """The number of messages dropped because the queue was full or a receiver failed."""
        self._thread = threading.Thread(target=self._run, name="otlp", daemon=True)
        self._thread.start()

    def send(self, message: Telemetry) -> None:
        """Queue a message if its signal has a target. If the queue is full, drop and count it."""
        if _signal(message) not in self._settings.targets:
            return
        try:
            self._queue.put_nowait(message)
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Send what waits, for at most the longest timeout of a message."""
        try:
            self._queue.put(None, timeout=self._seconds)
        except queue.Full:
            return
        self._thread.join(self._seconds)

    def _run(self) -> None:
        while (message := self._queue.get()) is not None:
            signal = _signal(message)
            try:
                if signal not in self._transports:
                    self._transports[signal] = transport(signal, self._settings.targets[signal])
                self._transports[signal].export(encoded(message, self._settings.resource))
            except GoldenPathError as error:
                self.dropped += 1
                self._report(f"{signal} could not be sent: {error.message}")
        for each in self._transports.values():
            each.close()


def encoded(message: Telemetry, resource: Mapping[str, str]) -> bytes:
    """Return the message as protobuf, with more attributes in each resource.

    What a resource says itself stays, but for the name of the service: it is the model, which is
    then in `goldenpath.model`.
    """
    if isinstance(message, MetricsData):
        metrics = encode_metrics(message)
        for each in metrics.resource_metrics:
            _extend(each.resource, resource)
        return bytes(metrics.SerializeToString())
    if isinstance(message, ExportLogsServiceRequest):
        for logs in message.resource_logs:
            _extend(logs.resource, resource)
        return bytes(message.SerializeToString())
    traces = encode_spans(message)
    for spans in traces.resource_spans:
        _extend(spans.resource, resource)
    return bytes(traces.SerializeToString())


def _signal(message: Telemetry) -> Signal:
    if isinstance(message, MetricsData):
        return "metrics"
    return "logs" if isinstance(message, ExportLogsServiceRequest) else "traces"


def _extend(message: ResourceMessage, resource: Mapping[str, str]) -> None:
    known = {each.key: each for each in message.attributes}
    for key, text in resource.items():
        if key not in known:
            message.attributes.append(KeyValue(key=key, value=AnyValue(string_value=text)))
        elif key == SERVICE_NAME:
            model = known[key].value.string_value
            message.attributes.append(KeyValue(key=MODEL, value=AnyValue(string_value=model)))
            known[key].value.string_value = text
