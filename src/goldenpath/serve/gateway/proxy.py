"""The gateway as an application of the HTTP stack: from route to upstream request."""

from goldenpath.http.limits import Limits
from goldenpath.http.listener import HttpListener
from goldenpath.http.messages.answer import Answer, own_answer, refusal
from goldenpath.http.messages.heads import FieldRules, RequestHead
from goldenpath.http.messages.patterns import request_lines
from goldenpath.http.messages.request_target import decoded_path
from goldenpath.http.server_connection import PendingAnswer, ReadyAnswer, ServerConnection
from goldenpath.http.upstream import WHOLE
from goldenpath.instruments import (
    HEADER_CALLER,
    HEADER_CANARY,
    HEADER_PREDICTION,
    HEADER_SHADOW,
    HEADER_SLOT,
    HEADER_SUBJECT,
)
from goldenpath.serve.gateway.caller_naming import Naming
from goldenpath.serve.gateway.dispatch import Dispatcher
from goldenpath.serve.gateway.proxied_request import ProxiedRequest
from goldenpath.serve.gateway.route import TrafficRoute

LIMITS = Limits(
    head=32 * 1024,
    body=64 * 1024 * 1024,
    gathered=16 * 1024 * 1024,
    whole=WHOLE,
    bodies=256 * 1024 * 1024,
    connections=8192,
    pipelined=1,
    head_time=30.0,
    linger_time=1.0,
)
"""One request of a connection at a time; a body larger than `WHOLE` is never buffered."""
RULES = FieldRules(
    frozenset(name.encode() for name in (HEADER_SUBJECT, HEADER_SLOT, HEADER_CALLER)),
    # Only the gateway sets the id: otherwise a client could give two answers the same id.
    frozenset(
        name.encode() for name in (HEADER_PREDICTION, HEADER_SHADOW, HEADER_CANARY, HEADER_CALLER)
    ),
)
VARYING = ("traceparent", "tracestate", "x-request-id", HEADER_SUBJECT)
"""Fields whose values seldom repeat."""
HEALTH = b'{"live":true}'


class ProxyTarget:
    """The destination of a request."""

    __slots__ = ("route", "target")

    def __init__(self, route: TrafficRoute, target: bytes) -> None:
        self.route = route
        self.target = target
        """The target as the servers there see it."""


class Proxy:
    """Answers the requests of one listener through the model servers."""

    settle = None
    """Does nothing: every request is sent as soon as it is taken."""

    def __init__(self, dispatcher: Dispatcher, naming: Naming) -> None:
        self._dispatcher = dispatcher
        self._naming = naming
        self._is_inner = naming.is_inner

    def listener(self) -> HttpListener:
        """Return a listener for this application, not open yet."""
        return HttpListener(self, LIMITS, RULES, VARYING)

    def take(
        self, connection: ServerConnection, head: RequestHead, body: bytes, held: int
    ) -> PendingAnswer:
        """Take a request; the rest of a large one follows."""
        repeated = connection.repeated
        place = repeated.note if repeated is not None else None
        if not isinstance(place, ProxyTarget) or not place.route.served:
            destination = self._find(head)
            if isinstance(destination, Answer):
                keep = head.keep_alive and connection.may_go_on
                return ReadyAnswer(destination.render(b"", keep), keep_alive=keep)
            place = destination
            if repeated is not None:
                repeated.note = place
        if repeated is not None:
            beginning = repeated.written(place.target)
        else:
            beginning = request_lines(head, place.target)
        if connection.peer or self._is_inner:
            beginning += self._naming.line(connection.peer, head)
        dispatcher = self._dispatcher
        request = ProxiedRequest(dispatcher, connection, place.route, head)
        request.beginning = beginning
        request.body = body
        if head.length != len(body):
            request.missing = head.length - len(body)
        if held:
            request.held = held
        dispatcher.submit(request)
        return request

    def refused(self, status: int, seconds: float) -> None:
        """Count a request that was refused before it named a model."""
        self._dispatcher.refusals.count("", b"", status, seconds)

    def _find(self, head: RequestHead) -> ProxyTarget | Answer:
        """Return the destination of a request, or the gateway's own answer."""
        is_head = head.method == b"HEAD"
        if decoded_path(head.target) == b"/healthz":
            return own_answer(200, HEALTH, is_head=is_head)
        host = head.fields.get(b"host", b"")
        routed = self._dispatcher.find(head.target, host)
        if routed is not None and head.method in (b"GET", b"HEAD", b"POST"):
            return ProxyTarget(*routed)
        status, message, headers = 404, "no model is served at this path", None
        if routed is not None:
            status, message = 405, "expected GET or POST"
            headers = {"allow": "GET, HEAD, POST"}
        elif self._dispatcher.may_come(head.target, host):
            status, message = 503, "the model is not served yet"
            headers = {"retry-after": "1"}
        self._dispatcher.refusals.count("", head.method, status, 0.0)
        return refusal(status, message, headers, is_head=is_head)
