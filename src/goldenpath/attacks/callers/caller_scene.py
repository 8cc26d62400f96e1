"""A listener that is attacked: the real reader, connection and access rules, on wires in memory.

A control of this suite is a value: a limit, a rule on fields, or an access rule. Switching it off
means another value. The rules of the grammar are no values: without one of them, what arrives is
first rewritten as a lenient server reads it (`lenient_reading`).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic

from goldenpath.attacks.callers.lenient_reading import REWRITES
from goldenpath.http.callers import caller_from_header
from goldenpath.http.limits import Limits
from goldenpath.http.listener import HttpListener
from goldenpath.http.messages.content_encoding import decoded
from goldenpath.http.messages.heads import BadMessage, FieldRules, RequestHead
from goldenpath.http.messages.writer import error_body, render
from goldenpath.http.server_connection import PendingAnswer, ReadyAnswer, ServerConnection
from goldenpath.serve.gateway import proxy
from goldenpath.serve.request_fields import RULES

LIMITS = Limits(
    head=2048, headers=20, body=8192, gathered=4096, bodies=12288, connections=4, pipelined=4
)
"""The limits of a listener, smaller, so that an attack needs few bytes."""
_HUGE = 1 << 40
_FOREVER = float("inf")
OF_LIMITS = {
    "head size": {"head": _HUGE},
    "number of headers": {"headers": _HUGE},
    "body size": {"body": _HUGE},
    "size without a length": {"gathered": _HUGE},
    "size of all bodies": {"bodies": _HUGE},
    "connections": {"connections": _HUGE},
    "unanswered requests": {"pipelined": _HUGE},
    "time of the head": {"head_time": _FOREVER},
    "time of the body": {"body_time": _FOREVER},
    "idle time": {"idle_time": _FOREVER},
    "time to take the answer": {"write_time": _FOREVER},
}
OF_FIELDS = ("one value a field", "fields of the gateway")
OF_CALLERS = ("caller secret",)
CALLER = b"x-goldenpath-caller"
_LATER = 3600.0


class Wire(asyncio.Transport):
    """The connection of one client, in memory."""

    def __init__(self, connection: ServerConnection, read: Callable[[bytes], bytes]) -> None:
        super().__init__()
        self.received = b""
        """What the server sent."""
        self.is_open = True
        self.is_held_back = False
        self._connection = connection
        self._read = read

    def send(self, content: bytes) -> None:
        """Send bytes to the server, which reads them at once."""
        self._connection.data_received(self._read(content))

    def stop_taking(self) -> None:
        """Do not take the answer: the buffer of the server is full from now on."""
        self._connection.pause_writing()

    def wait(self) -> None:
        """Let an hour pass without a byte."""
        self._connection.check(monotonic() + _LATER)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Called by the server."""
        self.received += bytes(data)

    def close(self) -> None:
        """Called by the server."""
        self.is_open = False

    abort = close
    write_eof = close

    def can_write_eof(self) -> bool:
        """Called by the server."""
        return True

    def is_closing(self) -> bool:
        """Called by the server."""
        return not self.is_open

    def get_write_buffer_size(self) -> int:
        """Called by the server."""
        return 0

    def pause_reading(self) -> None:
        """Called by the server."""
        self.is_held_back = True

    def resume_reading(self) -> None:
        """Called by the server."""
        self.is_held_back = False


@dataclass(frozen=True, slots=True)
class Taken:
    """A request that the application got."""

    head: RequestHead
    lines: tuple[bytes, ...]
    """What a gateway passes on."""
    body: bytes
    caller: str


class _Waiting(ReadyAnswer):
    """An answer that does not come."""

    def __init__(self, held: int) -> None:
        super().__init__(b"", keep_alive=True)
        self.answer = None
        self.held = held


class CallerScene:
    """One listener, and everything that its application got."""

    def __init__(self, without: frozenset[str], *, answers: bool = True) -> None:
        """`without` are the controls that are switched off."""
        self.without = without
        self.taken: list[Taken] = []
        self.refusals: list[str] = []
        self.secret = "secret-of-this-run"
        self._answers = answers
        self._limits = LIMITS
        for name in without & OF_LIMITS.keys():
            self._limits = replace(self._limits, **OF_LIMITS[name])  # type: ignore[arg-type]
        self._listeners: dict[bool, HttpListener] = {}
        self._wires: list[Wire] = []

    def client(self, *, of_gateway: bool = False) -> Wire:
        """Connect a client to the model server, or to the gateway."""
        listener = self._listeners.get(of_gateway)
        if listener is None:
            rules = self._rules(proxy.RULES if of_gateway else RULES)
            listener = self._listeners[of_gateway] = HttpListener(self, self._limits, rules)
        connection = listener.connect()
        wire = Wire(connection, self._read)
        self._wires.append(wire)
        connection.connection_made(wire)
        return wire

    def gives_away(self, secret: str) -> None:
        """Use the secret that the attacker knows, if nothing keeps it secret."""
        if "caller secret" in self.without:
            self.secret = secret

    @property
    def reason(self) -> str:
        """What the server answered to what it refused."""
        answers = [wire.received for wire in self._wires if wire.received.startswith(b"HTTP/1.1 4")]
        answers += [wire.received for wire in self._wires if b"HTTP/1.1 5" in wire.received]
        if answers:
            status, body = answers[0][9:12], answers[0].partition(b"\r\n\r\n")[2]
            return f"{status.decode()} {body.decode('utf-8', 'replace')[:200]}"
        if any(not wire.is_open for wire in self._wires):
            return "the connection was ended"
        held = any(wire.is_held_back for wire in self._wires)
        return "the server stopped reading" if held else "what the client sent had no effect"

    def take(
        self, connection: ServerConnection, head: RequestHead, body: bytes, held: int
    ) -> PendingAnswer:
        """See `Application.take`. The body is unpacked as the model server does."""
        try:
            if encoding := head.fields.get(b"content-encoding"):
                body = decoded(body, encoding, self._limits.body)
        except BadMessage as error:
            return ReadyAnswer(render(error.status, error_body(error.message), keep_alive=False))
        caller = caller_from_header(self.secret, head.fields.get(CALLER, b""))
        self.taken.append(Taken(head, tuple(head.lines), body, caller))
        if not self._answers:
            return _Waiting(held)
        return ReadyAnswer(render(200, b"{}", keep_alive=head.keep_alive), keep_alive=True)

    @property
    def settle(self) -> Callable[[], None] | None:
        """See `Application.settle`."""
        return None

    def refused(self, status: int, seconds: float) -> None:
        """See `Application.refused`."""

    def _rules(self, rules: FieldRules) -> FieldRules:
        fields = frozenset[bytes]() if OF_FIELDS[0] in self.without else rules.wanted
        dropped = frozenset[bytes]() if OF_FIELDS[1] in self.without else rules.dropped
        return FieldRules(fields, dropped)

    def _read(self, content: bytes) -> bytes:
        for name in self.without & REWRITES.keys():
            content = REWRITES[name](content)
        return content


@dataclass(frozen=True, slots=True)
class CallerAttack:
    """One thing that a client tries, and the control that has to refuse it."""

    name: str
    control: str
    attempt: Callable[[CallerScene], bool]
    """Returns whether it succeeded, as the application or the machine sees it."""
    answers: bool = True
    """Whether the application answers at once."""


def request(
    *lines: str, first: str = "POST /v2/models/credit/infer HTTP/1.1", body: bytes = b""
) -> bytes:
    """Return a request with these header lines."""
    head = "\r\n".join((first, "Host: model", *lines))
    return head.encode("latin-1") + b"\r\n\r\n" + body


def sends(content: bytes) -> Callable[[CallerScene], bool]:
    """Return an attempt that sends bytes; it succeeds if the application gets a request."""
    return partial(_sends, content)


def _sends(content: bytes, scene: CallerScene) -> bool:
    scene.client().send(content)
    return bool(scene.taken)
