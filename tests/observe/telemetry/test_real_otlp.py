"""Telemetry, sent to receivers of other projects and read back from them."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import urllib3
from urllib3.exceptions import HTTPError

from goldenpath.observe.telemetry.otlp_sender import OtlpSender
from goldenpath.observe.telemetry.otlp_settings import otlp_settings
from goldenpath.observe.telemetry.otlp_transport import transport
from tests.audit.alarms.test_real_receivers import _free_port, _running
from tests.observe.telemetry import test_telemetry as example
from tests.programs import program

pytestmark = pytest.mark.interop
receiver = example.receiver
BASE = "OTEL_EXPORTER_OTLP_"


def _until(question: Callable[[], Any], what: str) -> Any:
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        try:
            if answer := question():
                return answer
        except HTTPError:
            pass
        time.sleep(0.05)
    pytest.fail(f"{what} did not come")


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_rotel_takes_all_signals_and_passes_them_on(
    tmp_path: Path, receiver: example._Received, protocol: str
) -> None:
    rotel, grpc_port, http_port = program("rotel"), _free_port(), _free_port()
    command: list[str | Path] = [
        rotel, "start", "--otlp-grpc-endpoint", f"127.0.0.1:{grpc_port}",
        "--otlp-http-endpoint", f"127.0.0.1:{http_port}", "--exporter", "otlp",
        "--otlp-exporter-endpoint", receiver.address, "--otlp-exporter-protocol", "http",
        "--disable-batching",
    ]  # fmt: skip
    port = grpc_port if protocol == "grpc" else http_port
    variables = {f"{BASE}ENDPOINT": f"http://127.0.0.1:{port}", f"{BASE}PROTOCOL": protocol}
    settings = otlp_settings({**variables, "OTEL_RESOURCE_ATTRIBUTES": "cloud.region=eu"})
    faults: list[str] = []

    with _running(command, tmp_path):
        _until(lambda: _is_open(http_port) and _is_open(grpc_port), "rotel")
        sender = OtlpSender(settings, faults.append)
        example._observe(tmp_path, sender)
        sender.close()
        assert faults == []
        _until(lambda: receiver.metrics and receiver.traces and receiver.logs, "telemetry")

    (_, logs) = receiver.logs[0]
    assert any("income is missing" in str(each) for _, each in receiver.logs)
    where = {
        each.key: each.value.string_value for each in logs.resource_logs[0].resource.attributes
    }
    assert where["cloud.region"] == "eu"
    (span,) = receiver.traces[0].resource_spans[0].scope_spans[0].spans
    assert span.trace_id.hex() == "1" * 32


def _is_open(port: int) -> bool:
    import socket

    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def test_victoria_metrics_answers_with_what_was_sent(tmp_path: Path) -> None:
    victoria, port = program("victoria-metrics"), _free_port()
    command: list[str | Path] = [
        victoria, f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={tmp_path / 'data'}",
        "-loggerLevel=ERROR",
    ]  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    settings = otlp_settings({f"{BASE}METRICS_ENDPOINT": f"{url}/opentelemetry/v1/metrics"})

    def query(expression: str) -> Any:
        urllib3.request("GET", f"{url}/internal/force_flush")
        fields = {"query": expression}
        answer = urllib3.request("GET", f"{url}/api/v1/query", fields=fields).json()
        return answer["data"]["result"]

    with _running(command, tmp_path):
        _until(lambda: _is_open(port), "victoria-metrics")
        faults: list[str] = []
        sender = OtlpSender(settings, faults.append)
        example._observe(tmp_path, sender, datetime.now(UTC))
        sender.close()
        (found,) = _until(lambda: query('{__name__="ml.predictions"}'), "the counter")

    assert faults == []
    assert float(found["value"][1]) == 1000
    assert found["metric"]["service.name"] == "credit"


def test_a_grpc_receiver_that_is_away_is_named(tmp_path: Path) -> None:
    variables = {f"{BASE}ENDPOINT": f"http://127.0.0.1:{_free_port()}", f"{BASE}PROTOCOL": "grpc"}
    target = otlp_settings({**variables, f"{BASE}TIMEOUT": "200"}).targets["logs"]
    sender = transport("logs", target)

    with pytest.raises(Exception, match=r"answers with (UNAVAILABLE|DEADLINE_EXCEEDED)"):
        sender.export(b"")
    sender.close()
