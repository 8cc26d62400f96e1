"""Sends one OTLP message to the target of its signal: over HTTP here, over gRPC beside it."""

import gzip
import os
from pathlib import Path
from typing import Protocol

from goldenpath.errors import Unavailable
from goldenpath.http.posting import Poster
from goldenpath.observe.telemetry.otlp_settings import OtlpTarget, Signal, address


class OtlpTransport(Protocol):
    """A connection to one receiver."""

    def export(self, message: bytes) -> None:
        """Send a message. Raises `Unavailable` if it was not taken."""

    def close(self) -> None:
        """Free the connection."""


def transport(signal: Signal, target: OtlpTarget) -> OtlpTransport:
    """Return the transport to a target. Raises `Unavailable` if its files cannot be read."""
    if target.protocol == "grpc":
        from goldenpath.observe.telemetry.otlp_grpc import GrpcTransport  # gRPC starts slowly

        return GrpcTransport(signal, target)
    return HttpTransport(target)


class HttpTransport:
    """OTLP over HTTP with protobuf bodies."""

    def __init__(self, target: OtlpTarget) -> None:
        self._target = target
        self._poster = Poster(
            os.environ,
            Path(target.certificate) if target.certificate else None,
            client=(target.client_certificate, target.client_key)
            if target.client_certificate
            else None,
            seconds=target.seconds,
        )

    def export(self, message: bytes) -> None:
        """Post the message."""
        headers = {"Content-Type": "application/x-protobuf", **self._target.headers}
        if self._target.is_compressed:
            message, headers["Content-Encoding"] = gzip.compress(message, 1), "gzip"
        status, words = self._poster.post(self._target.endpoint, message, headers)
        if not 200 <= status < 300:
            raise Unavailable(f"{address(self._target)} answers with {status}: {words}")

    def close(self) -> None:
        """Do nothing: pooled connections end with the process."""
