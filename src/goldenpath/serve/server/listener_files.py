"""The TLS and access files of a running server, which may change meanwhile.

SIGHUP reloads certificate and access rules. A file that cannot be read changes nothing: the server
keeps the old content and reports it.
"""

import ssl
import threading
from collections.abc import Callable
from pathlib import Path

from goldenpath.errors import GoldenPathError
from goldenpath.http.access import Access, load_access
from goldenpath.http.tls import Shown
from goldenpath.processes.launch import ServerConfiguration
from goldenpath.serve.server.model_server import ModelServer


class ListenerFiles:
    """TLS and access of one launch."""

    def __init__(self, launch: ServerConfiguration, report: Callable[[str], None]) -> None:
        """Raises `GoldenPathError` if a file that the launch names cannot be used."""
        self.report = report
        self._access = launch.listener_settings.access
        self.settings = launch.listener_settings
        self._shown = Shown(self.settings, report)

    @property
    def tls(self) -> ssl.SSLContext | None:
        """The TLS context of the listener; None without TLS."""
        return self._shown.context

    @property
    def renewed(self) -> int:
        """Number of times that a new certificate was loaded."""
        return self._shown.renewed

    def access(self) -> Access | None:
        """Return the rules in their file; None if there are none."""
        return load_access(Path(self._access), self.report) if self._access else None

    def reload(self, server: ModelServer) -> None:
        """Reload each file separately, in the background."""
        threading.Thread(target=self._reload, args=(server,), name="reload", daemon=True).start()

    def _reload(self, server: ModelServer) -> None:
        self._shown.reload()
        try:
            server.access = self.access()
        except GoldenPathError as error:
            self.report(f"not reloaded: {error.message}")
