"""The settings of an OTLP exporter, from the variables that every OpenTelemetry SDK reads.

Source: OpenTelemetry specification, "OpenTelemetry Protocol Exporter" and "Environment Variable
Specification". A variable of one signal (`OTEL_EXPORTER_OTLP_LOGS_HEADERS`) wins over that of all.
Nothing is sent to an address that no variable names.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import unquote, urlsplit

from goldenpath.errors import InvalidInput

Signal = Literal["metrics", "traces", "logs"]
Protocol = Literal["http/protobuf", "grpc"]
PREFIX = "OTEL_"
_BASE = "OTEL_EXPORTER_OTLP_"
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_LONGEST = 600_000
"""Milliseconds of the longest timeout."""


@dataclass(frozen=True, slots=True)
class OtlpTarget:
    """Where and how one signal is sent."""

    endpoint: str
    protocol: Protocol = "http/protobuf"
    headers: Mapping[str, str] = field(default_factory=dict)
    certificate: str = ""
    """PEM file of authorities; empty: those of the system."""
    client_certificate: str = ""
    client_key: str = ""
    seconds: float = 10.0
    """How long an export may take."""
    is_compressed: bool = False


@dataclass(frozen=True, slots=True)
class OtlpSettings:
    """The targets by signal, and what every resource says besides."""

    targets: Mapping[Signal, OtlpTarget] = field(default_factory=dict)
    resource: Mapping[str, str] = field(default_factory=dict)
    """From `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME`."""


def otlp_settings(environment: Mapping[str, str]) -> OtlpSettings:
    """Return the settings. Raises `InvalidInput` that names the variable which is wrong."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return OtlpSettings()
    targets = {each: _target(environment, each) for each in get_args(Signal)}
    resource = _pairs(environment, "OTEL_RESOURCE_ATTRIBUTES")
    if name := environment.get("OTEL_SERVICE_NAME", "").strip():
        resource["service.name"] = name
    return OtlpSettings({k: v for k, v in targets.items() if v is not None}, resource)


def otel_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that are read here, for a child process."""
    return {name: value for name, value in environment.items() if name.startswith(PREFIX)}


def address(target: OtlpTarget) -> str:
    """Return the address without a query, which may hold a token."""
    return target.endpoint.partition("?")[0]


def _target(environment: Mapping[str, str], signal: Signal) -> OtlpTarget | None:
    def value(name: str) -> tuple[str, str]:
        """Return the variable that holds, and its text. An empty one counts as absent."""
        own = f"{_BASE}{signal.upper()}_{name}"
        chosen = own if environment.get(own, "").strip() else f"{_BASE}{name}"
        return chosen, environment.get(chosen, "").strip()

    if environment.get(f"OTEL_{signal.upper()}_EXPORTER", "otlp").strip() == "none":
        return None
    variable, endpoint = value("ENDPOINT")
    if not endpoint:
        return None
    protocol = _protocol(*value("PROTOCOL"))
    if protocol == "http/protobuf" and variable == f"{_BASE}ENDPOINT":
        endpoint = f"{endpoint.rstrip('/')}/v1/{signal}"
    insecure_variable, insecure = value("INSECURE")
    if protocol == "grpc" and "://" not in endpoint:
        if insecure.lower() not in ("", "true", "false"):
            raise InvalidInput(f"{insecure_variable} is {insecure!r}, expected true or false")
        endpoint = f"{'http' if insecure.lower() == 'true' else 'https'}://{endpoint}"
    _check_address(variable, endpoint)
    certificate, key = _file(*value("CLIENT_CERTIFICATE")), _file(*value("CLIENT_KEY"))
    if bool(certificate) != bool(key):
        raise InvalidInput(f"{_BASE}CLIENT_CERTIFICATE and {_BASE}CLIENT_KEY belong together")
    compression_variable, compression = value("COMPRESSION")
    if compression not in ("", "none", "gzip"):
        raise InvalidInput(f"{compression_variable} is {compression!r}, expected gzip or none")
    return OtlpTarget(
        endpoint,
        protocol,
        _headers(environment, value("HEADERS")[0]),
        _file(*value("CERTIFICATE")),
        certificate,
        key,
        _seconds(*value("TIMEOUT")),
        compression == "gzip",
    )


def _protocol(variable: str, text: str) -> Protocol:
    match text or "http/protobuf":
        case "http/protobuf":
            return "http/protobuf"
        case "grpc":
            return "grpc"
    raise InvalidInput(f"{variable} is {text!r}, expected http/protobuf or grpc")


def _check_address(variable: str, endpoint: str) -> None:
    try:
        parts = urlsplit(endpoint)
        is_whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    # The value may hold a password, so it is not repeated.
    if not is_whole or urlsplit(endpoint).username is not None:
        raise InvalidInput(
            f"{variable} is not the address of a receiver: expected http or https, without a user",
            hint="put credentials into OTEL_EXPORTER_OTLP_HEADERS",
        )


def _headers(environment: Mapping[str, str], variable: str) -> Mapping[str, str]:
    headers = _pairs(environment, variable)
    for name, text in headers.items():
        if not _HEADER.fullmatch(name) or not text.isprintable() or not text.isascii():
            raise InvalidInput(f"{variable} has a header that HTTP does not allow: {name!r}")
    return {name.lower(): text for name, text in headers.items()}


def _pairs(environment: Mapping[str, str], variable: str) -> dict[str, str]:
    """Return `name=value` pairs, separated by commas, each percent-encoded (W3C baggage)."""
    pairs: dict[str, str] = {}
    for item in environment.get(variable, "").split(","):
        if not item.strip():
            continue
        name, equals, text = item.partition("=")
        if not equals or not name.strip():
            raise InvalidInput(f"{variable} is wrong: expected name=value pairs, with commas")
        pairs[unquote(name.strip())] = unquote(text.strip())
    return pairs


def _file(variable: str, path: str) -> str:
    if path and not Path(path).is_file():
        raise InvalidInput(f"{variable} names {path}, which is not a file")
    return str(Path(path).absolute()) if path else ""


def _seconds(variable: str, text: str) -> float:
    if not text:
        return 10.0
    if not text.isdecimal() or not 0 < int(text) <= _LONGEST:
        raise InvalidInput(f"{variable} is {text!r}, expected milliseconds from 1 to {_LONGEST}")
    return int(text) / 1000
