"""A registry on this machine that answers every request as an attacker wants."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class HostileAnswer:
    """The answer to every request."""

    body: Iterable[bytes] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class _Requests(BaseHTTPRequestHandler):
    answer: ClassVar[HostileAnswer]
    seen: ClassVar[list[str]]

    def do_GET(self) -> None:
        """Answer, and end the connection with the answer."""
        self.seen.append(self.path)
        self.send_response(self.answer.status)
        for name, value in self.answer.headers.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        with suppress(OSError):  # the client had enough
            for piece in self.answer.body:
                self.wfile.write(piece)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Print nothing."""


@contextmanager
def hostile_registry(answer: HostileAnswer) -> Iterator[tuple[str, list[str]]]:
    """Run a registry that gives this answer. Yields its address, and the paths of its requests."""
    seen: list[str] = []
    requests = type("Requests", (_Requests,), {"answer": answer, "seen": seen})
    with ThreadingHTTPServer(("127.0.0.1", 0), requests) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", seen
        finally:
            server.shutdown()
            thread.join()
