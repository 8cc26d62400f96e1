"""The variables of OpenTelemetry: each is honoured, for all signals and for one."""

from pathlib import Path

import pytest

from goldenpath.errors import InvalidInput
from goldenpath.observe.telemetry.otlp_settings import otel_variables, otlp_settings

BASE = "OTEL_EXPORTER_OTLP_"
HERE = {f"{BASE}ENDPOINT": "http://127.0.0.1:4318"}


def test_without_an_endpoint_nothing_is_sent() -> None:
    assert otlp_settings({}).targets == {}
    assert otlp_settings({**HERE, "OTEL_SDK_DISABLED": "TRUE"}).targets == {}
    assert set(otlp_settings({**HERE, "OTEL_LOGS_EXPORTER": "none"}).targets) == {
        "metrics",
        "traces",
    }
    only = otlp_settings({f"{BASE}LOGS_ENDPOINT": "https://loki.bank.example/otlp/v1/logs"})
    assert set(only.targets) == {"logs"}


def test_a_variable_of_one_signal_wins(tmp_path: Path) -> None:
    authority = tmp_path / "authority.pem"
    authority.write_text("")
    settings = otlp_settings(
        {
            **HERE,
            f"{BASE}HEADERS": "authorization=Basic%20YQ%3D%3D, x-a = b ",
            f"{BASE}TIMEOUT": "2500",
            f"{BASE}TRACES_ENDPOINT": "https://traces.bank.example/here",
            f"{BASE}TRACES_HEADERS": "X-Only=traces",
            f"{BASE}TRACES_TIMEOUT": "500",
            f"{BASE}TRACES_CERTIFICATE": str(authority),
            f"{BASE}LOGS_PROTOCOL": "grpc",
            f"{BASE}LOGS_ENDPOINT": "collector.bank.example:4317",
            f"{BASE}COMPRESSION": "gzip",
            f"{BASE}METRICS_COMPRESSION": "none",
            f"{BASE}METRICS_HEADERS": "",
        }
    )

    metrics, traces, logs = (settings.targets[each] for each in ("metrics", "traces", "logs"))
    assert metrics.endpoint == "http://127.0.0.1:4318/v1/metrics"
    assert metrics.headers == {"authorization": "Basic YQ==", "x-a": "b"}
    assert (metrics.seconds, metrics.is_compressed) == (2.5, False)
    assert traces.endpoint == "https://traces.bank.example/here"
    assert traces.headers == {"x-only": "traces"}
    assert (traces.seconds, traces.certificate) == (0.5, str(authority))
    assert (logs.protocol, logs.endpoint) == ("grpc", "https://collector.bank.example:4317")
    assert logs.is_compressed


def test_attributes_and_name_of_the_service() -> None:
    settings = otlp_settings(
        {
            "OTEL_RESOURCE_ATTRIBUTES": "a=b%2Cc,service.name=one,",
            "OTEL_SERVICE_NAME": "two",
        }
    )
    assert settings.resource == {"a": "b,c", "service.name": "two"}


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("ENDPOINT", "127.0.0.1:4318", "ENDPOINT is not the address"),
        ("ENDPOINT", "http://user:secret@host", "ENDPOINT is not the address"),
        ("ENDPOINT", "ftp://host", "ENDPOINT is not the address"),
        ("ENDPOINT", "http://", "ENDPOINT is not the address"),
        ("PROTOCOL", "http/json", "PROTOCOL is 'http/json'"),
        ("LOGS_PROTOCOL", "GRPC", "LOGS_PROTOCOL is 'GRPC'"),
        ("HEADERS", "novalue", "HEADERS is wrong"),
        ("HEADERS", "a b=c", "HEADERS has a header"),
        ("HEADERS", "a=b%0d%0ac", "HEADERS has a header"),
        ("TIMEOUT", "10s", "TIMEOUT is '10s'"),
        ("TIMEOUT", "0", "TIMEOUT is '0'"),
        ("CERTIFICATE", "/nowhere.pem", "CERTIFICATE names /nowhere.pem"),
        ("CLIENT_KEY", __file__, "belong together"),
        ("COMPRESSION", "br", "COMPRESSION is 'br'"),
    ],
)
def test_a_wrong_variable_is_named_and_no_secret_is_shown(
    name: str, value: str, fault: str
) -> None:
    with pytest.raises(InvalidInput, match=fault) as raised:
        otlp_settings({**HERE, f"{BASE}{name}": value})
    assert "secret" not in raised.value.message


def test_a_child_gets_the_variables_of_opentelemetry_and_no_other() -> None:
    assert otel_variables({"OTEL_A": "1", "PATH": "/bin", "HOTEL_B": "2"}) == {"OTEL_A": "1"}
