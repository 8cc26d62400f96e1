"""Receivers of alarms: an HTTP server and an SMTP server, which speak their protocols for real."""

import base64
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Hook:
    """An HTTP receiver: it keeps what was posted, and answers with the next of `answers`."""

    answers: list[int] = field(default_factory=list)
    """Statuses of the next answers; 200 once they are used up."""
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    address: str = ""

    def bodies(self) -> list[object]:
        """The bodies of everything that was answered, as JSON."""
        return [json.loads(body) for _, _, body in self.got]


@contextmanager
def hook(port: int = 0) -> Iterator[Hook]:
    """Serve one HTTP receiver on this machine."""
    receiver = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.got.append((self.path, headers, body))
            status = receiver.answers.pop(0) if receiver.answers else 200
            self.send_response(status)
            if status == 302:
                self.send_header("location", f"{receiver.address}/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    receiver.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class PostOffice:
    """An SMTP server: it keeps each message, and whether it came over TLS."""

    tls: ssl.SSLContext | None = None
    """None: it does not offer STARTTLS."""
    user: str = ""
    password: str = ""
    refused: frozenset[str] = frozenset()
    got: list[tuple[bool, list[str], str]] = field(default_factory=list)
    """Whether over TLS, recipients and text of each message."""
    heard: list[str] = field(default_factory=list)
    """Every command that came without TLS."""
    address: str = ""


class _Session:
    """One client of a post office."""

    def __init__(self, office: PostOffice, connection: socket.socket, opened: ExitStack) -> None:
        self._office = office
        self._connection = connection
        self._opened = opened
        self._stream = opened.enter_context(connection.makefile("rwb"))
        self._secure = False
        self._known = not office.user
        self._recipients: list[str] = []

    def serve(self) -> None:
        """Speak until the client is gone."""
        self._say("220 here")
        while line := self._stream.readline().decode().strip():
            if not self._secure:
                self._office.heard.append(line)
            verb = line.split()[0].upper()
            answers = {
                "EHLO": self._greet, "STARTTLS": self._encrypt, "AUTH": self._know,
                "MAIL": self._begin, "RCPT": self._address, "DATA": self._take,
            }  # fmt: skip
            if verb in answers:
                answers[verb](line)
            else:
                self._say("221 bye" if verb == "QUIT" else "250 yes")

    def _say(self, line: str) -> None:
        self._stream.write(f"{line}\r\n".encode())
        self._stream.flush()

    def _greet(self, _: str) -> None:
        offers = ["250-here"]
        offers += ["250-STARTTLS"] if self._office.tls and not self._secure else []
        offers += ["250-AUTH PLAIN"] if self._office.user and self._secure else []
        for each in [*offers, "250 8BITMIME"]:
            self._say(each)

    def _encrypt(self, _: str) -> None:
        assert self._office.tls is not None
        self._say("220 go")
        wrapped = self._office.tls.wrap_socket(self._connection, server_side=True)
        self._opened.enter_context(wrapped)
        self._stream, self._secure = self._opened.enter_context(wrapped.makefile("rwb")), True

    def _know(self, line: str) -> None:
        given = base64.b64decode(line.split()[2]).decode().split("\0")[1:]
        self._known = given == [self._office.user, self._office.password]
        self._say("235 known" if self._known else "535 unknown")

    def _begin(self, _: str) -> None:
        self._recipients = []
        self._say("250 yes" if self._known else "530 who are you")

    def _address(self, line: str) -> None:
        name = line.partition("<")[2].partition(">")[0]
        is_refused = name in self._office.refused
        self._recipients += [] if is_refused else [name]
        self._say("550 nobody" if is_refused else "250 yes")

    def _take(self, _: str) -> None:
        self._say("354 go on")
        text = b""
        while (piece := self._stream.readline()) != b".\r\n":
            text += piece
        self._office.got.append((self._secure, self._recipients, text.decode()))
        self._say("250 taken")


@contextmanager
def post_office(office: PostOffice) -> Iterator[PostOffice]:
    """Serve one SMTP server on this machine."""
    listener = socket.create_server(("127.0.0.1", 0))
    office.address = f"127.0.0.1:{listener.getsockname()[1]}"

    def work() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                try:
                    with ExitStack() as opened:
                        _Session(office, connection, opened).serve()
                except (OSError, IndexError):
                    continue

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield office
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
