"""Recent telemetry in files of the home.

The files hold one OTLP/JSON message per line, like those of the file exporter in the specification.
Their size is bounded.
"""

import base64
import json
from collections.abc import Sequence
from pathlib import Path

from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.trace import ReadableSpan

MAX_FILE = 8 * 1024 * 1024
KEPT_FILES = 3
_IDS = ("traceId", "spanId", "parentSpanId")


class TelemetryFiles:
    """The files `metrics.jsonl` and `traces.jsonl`. Older ones end in `.1`, `.2` and so on."""

    def __init__(
        self, folder: Path, *, max_file: int = MAX_FILE, kept_files: int = KEPT_FILES
    ) -> None:
        self.folder = folder
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
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / f"{name}.jsonl"
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
