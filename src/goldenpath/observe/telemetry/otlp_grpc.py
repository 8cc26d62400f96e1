"""Sends OTLP messages over gRPC. A module of its own, because the library starts slowly."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc

from goldenpath.errors import Unavailable
from goldenpath.observe.telemetry.otlp_settings import OtlpTarget, Signal, address

_SERVICES = {
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}


class GrpcTransport:
    """OTLP over gRPC. The message is encoded already, so its bytes are passed on."""

    def __init__(self, signal: Signal, target: OtlpTarget) -> None:
        self._target = target
        parts = urlsplit(target.endpoint)
        host = f"{parts.hostname}:{parts.port or 4317}"
        options = (("grpc.max_send_message_length", 64 * 1024 * 1024),)
        if parts.scheme == "https":
            self._channel = grpc.secure_channel(host, _credentials(target), options)
        else:
            self._channel = grpc.insecure_channel(host, options)
        self._call: Callable[..., Any] = self._channel.unary_unary(_SERVICES[signal])

    def export(self, message: bytes) -> None:
        """Call the service of the signal."""
        zipped = grpc.Compression.Gzip if self._target.is_compressed else None
        try:
            self._call(
                message,
                timeout=self._target.seconds,
                metadata=tuple(self._target.headers.items()),
                compression=zipped,
            )
        except grpc.RpcError as error:
            raise Unavailable(
                f"{address(self._target)} answers with {error.code().name}"
            ) from error

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()


def _credentials(target: OtlpTarget) -> grpc.ChannelCredentials:
    try:
        files = [
            Path(name).read_bytes() if name else None
            for name in (target.certificate, target.client_key, target.client_certificate)
        ]
    except OSError as error:
        raise Unavailable(f"a file for TLS to {address(target)} cannot be read") from error
    return grpc.ssl_channel_credentials(*files)
