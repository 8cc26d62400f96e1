"""A registry on this machine that answers every request as an attacker wants."""

import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
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


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request as the registry got it."""

    path: str
    authorization: str


Answers = Callable[[SeenRequest], HostileAnswer]


class _Requests(BaseHTTPRequestHandler):
    answers: ClassVar[Answers]
    seen: ClassVar[list[SeenRequest]]

    def do_GET(self) -> None:
        """Answer, and end the connection with the answer."""
        request = SeenRequest(self.path, self.headers.get("Authorization", ""))
        self.seen.append(request)
        answer = type(self).answers(request)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        with suppress(OSError):  # the client had enough
            for piece in answer.body:
                self.wfile.write(piece)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Print nothing."""


@contextmanager
def hostile_registry(
    answer: HostileAnswer | Answers, *, tls: ssl.SSLContext | None = None
) -> Iterator[tuple[str, list[SeenRequest]]]:
    """Run a registry that answers so. Yields its address, and the requests that it got."""
    seen: list[SeenRequest] = []
    answers: Answers = (lambda _: answer) if isinstance(answer, HostileAnswer) else answer
    requests = type("Requests", (_Requests,), {"answers": staticmethod(answers), "seen": seen})
    with ThreadingHTTPServer(("127.0.0.1", 0), requests) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            scheme = "http" if tls is None else "https"
            yield f"{scheme}://127.0.0.1:{server.server_port}", seen
        finally:
            server.shutdown()
            thread.join()
