"""What stands between the address of a server and its model, as files that may change meanwhile.

On SIGHUP certificate and access rules are read again. What cannot be read then changes nothing:
the server goes on with what it has, and says so.
"""

import ssl
import threading
from collections.abc import Callable
from pathlib import Path

from goldenpath.errors import GoldenPathError, InvalidInput
from goldenpath.reconcile.launch import ServerLaunch
from goldenpath.serve.access import Access, load_access
from goldenpath.serve.server import Server
from goldenpath.serve.tls import server_context


class Doors:
    """TLS and access of one launch."""

    def __init__(self, launch: ServerLaunch, report: Callable[[str], None]) -> None:
        """Raises `GoldenPathError` if a file that the launch names cannot be used."""
        self._launch = launch
        self.report = report
        self.renewed = 0
        """How often another certificate was taken."""
        self.tls: ssl.SSLContext | None = None
        if launch.certificate:
            authorities = Path(launch.client_authorities) if launch.client_authorities else None
            self.tls = server_context(*self._pair(), authorities)
            self._shown = self.tls
            self.tls.sni_callback = self._show
        elif launch.client_authorities:
            raise InvalidInput("clients can show certificates only to a server that has one")

    def access(self) -> Access | None:
        """The rules as they stand in their file; None if there are none."""
        path = self._launch.access
        return load_access(Path(path), self.report) if path else None

    def reload(self, server: Server) -> None:
        """Reads the files again, each for itself and beside the traffic."""
        threading.Thread(target=self._reload, args=(server,), name="reload", daemon=True).start()

    def _reload(self, server: Server) -> None:
        for what in (self._reload_certificate, lambda: self._reload_access(server)):
            try:
                what()
            except GoldenPathError as error:
                self.report(f"not reloaded: {error.message}")

    def _reload_certificate(self) -> None:
        # A context of its own: certificate and key change in two steps, and a handshake that
        # falls between them would meet one without the other.
        if self.tls is not None:
            self._shown = server_context(*self._pair(), None)
            self.renewed += 1

    def _show(self, connection: ssl.SSLObject, _name: str | None, _asked: ssl.SSLContext) -> None:
        connection.context = self._shown

    def _reload_access(self, server: Server) -> None:
        server.access = self.access()

    def _pair(self) -> tuple[Path, Path]:
        return Path(self._launch.certificate), Path(self._launch.private_key)
