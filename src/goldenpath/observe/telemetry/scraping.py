"""Where Prometheus reads the metrics: one page of the observer, a process beside the servers.

No server is asked and none waits: all of it was added up from their records. One scrape at a time
and in a thread of its own, so that a slow reader delays other readers and nothing else.
"""

import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer

from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.http.access import Access, Denied
from goldenpath.observe.telemetry.exposition import OPENMETRICS, TEXT

PATH = "/metrics"
SECONDS = 5.0
"""Without a byte after which a reader is given up."""


class MetricsPage:
    """A listener with one page; `page` renders it, as OpenMetrics if asked to."""

    def __init__(
        self,
        address: str,
        page: Callable[[bool], bytes],
        access: Access | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Raises `InvalidInput` or `Unavailable` if nobody can listen there."""
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit():
            raise InvalidInput(f"cannot listen on {address!r}: expected HOST:PORT")
        try:
            self._server = _Server((host, int(port)), page, access, tls)
        except (OSError, OverflowError) as error:
            raise Unavailable(f"cannot listen on {address} for metrics: {error}") from error
        self.address = f"{host}:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="metrics", daemon=True
        )
        self._thread.start()

    @property
    def access(self) -> Access | None:
        """Who may read; may be replaced while serving."""
        return self._server.access

    @access.setter
    def access(self, access: Access | None) -> None:
        self._server.access = access

    def close(self) -> None:
        """Ends the listener."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(HTTPServer):
    def __init__(
        self,
        address: tuple[str, int],
        page: Callable[[bool], bytes],
        access: Access | None,
        tls: ssl.SSLContext | None,
    ) -> None:
        self.page = page
        self.access = access
        super().__init__(address, _Request)
        if tls is not None:
            # Hands are shaken when a request is read, within its time limit, and not on accepting.
            self.socket = tls.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

    def handle_error(self, request: object, client_address: object) -> None:
        """A reader that went away is no event."""


class _Request(BaseHTTPRequestHandler):
    server: _Server
    timeout = SECONDS
    server_version, sys_version = "goldenpath", ""

    def do_GET(self) -> None:
        denied = self._denied()
        if denied is not None:
            self._send(denied.status, TEXT, f"{denied.message}\n".encode())
        elif self.path.partition("?")[0] != PATH:
            self._send(404, TEXT, f"expected {PATH}\n".encode())
        else:
            wants = "application/openmetrics-text" in self.headers.get("accept", "")
            self._send(200, OPENMETRICS if wants else TEXT, self.server.page(wants))

    def _denied(self) -> Denied | None:
        if self.server.access is None:
            return None
        header = self.headers.get("authorization", "").encode("latin-1")
        caller = self.server.access.admit(header, "metrics", time.time())
        return caller if isinstance(caller, Denied) else None

    def _send(self, status: int, media_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", media_type)
        self.send_header("content-length", str(len(body)))
        if status == 401:
            self.send_header("www-authenticate", "Bearer")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Says nothing: who reads metrics is no event."""
