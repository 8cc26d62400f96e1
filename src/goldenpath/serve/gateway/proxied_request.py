"""One proxied request: sent, repeated where that is safe, answered once."""

import time
from collections.abc import Iterator, Mapping
from typing import Protocol

from goldenpath.http.messages.answer import Answer, refusal
from goldenpath.http.messages.heads import END, RequestHead
from goldenpath.http.server_connection import ServerConnection
from goldenpath.http.upstream import UpstreamConnection
from goldenpath.instruments import HEADER_PREDICTION, HEADER_SHADOW
from goldenpath.serve.gateway.agreement import agree
from goldenpath.serve.gateway.route import TrafficRoute, TrafficSlot
from goldenpath.serve.gateway.tally import RefusalCounts, Tally

RETRIES = 2
RETRIES_AFTER_SENDING = 1
"""Tries of a request without effects; the limit keeps a fatal request from killing every server."""
_CALLS = (b"/infer", b"/predict", b"/ModelInfer")
_SHADOW = f"\r\n{HEADER_SHADOW}: 1\r\n\r\n".encode()
_ID = f"{HEADER_PREDICTION}: ".encode()
"""The id is in the last header before those that only the gateway sets."""


class RequestDispatch(Protocol):
    """The part of the dispatcher that a request uses; it avoids an import cycle."""

    ids: Iterator[bytes]
    timeout: float
    refusals: RefusalCounts

    def place(self, exchange: "ProxiedRequest") -> None:
        """Send the request to a slot, or hold it."""

    def hold(self, exchange: "ProxiedRequest") -> None:
        """Keep the request until a server is there."""

    def is_answered_by_stable(self, exchange: "ProxiedRequest", status: int) -> bool:
        """Whether the stable release answers in the place of a canary that refused."""

    def finished(self, exchange: "ProxiedRequest", answer: Answer | None) -> None:
        """Count a sent answer; None for a streamed one."""

    def shadow_ended(self) -> None:
        """Let one more shadow request start."""


class ProxiedRequest:
    """One request; the client gets exactly one answer, even if servers fail.

    It is a pending answer of the client's connection and a requester of the server's.
    """

    # Class defaults save time: most requests never change these attributes.
    answer: bytes | None = None
    attempts = 0
    broken = 0
    repeatable = True
    done = False
    passing = False
    """Whether the client has received the beginning of a large answer."""
    status = 0
    held = 0
    """Bytes of the body that count against the limit of all bodies."""
    missing = 0
    """Outstanding bytes of the body."""
    deadline = 0.0
    """The deadline; 0.0: the usual time after its start."""
    wanted = ""
    beginning = b""
    """Request line and headers, up to the id."""
    slot: TrafficSlot | None = None
    refused_by: TrafficSlot | None = None
    """The canary that refused it before the stable release was asked."""
    upstream: UpstreamConnection | None = None
    tried: frozenset[str] = frozenset()

    body = b""

    def __init__(
        self,
        dispatcher: RequestDispatch,
        client: ServerConnection,
        route: TrafficRoute,
        head: RequestHead,
    ) -> None:
        self.dispatcher = dispatcher
        self.client = client
        self.route = route
        self.head = head
        self.keep_alive = head.keep_alive
        self.name = next(dispatcher.ids)
        # The loop's clock stands still within a turn, and would time a fast answer as 0 s.
        self.started = time.monotonic()

    @property
    def method(self) -> bytes:
        """The method of the request."""
        return self.head.method

    # Called by the server's connection.

    def message(self) -> bytes:
        """Return the bytes for the server."""
        end = END if self.slot is None else self.slot.end
        return b"%b%b%b%b%b" % (self.beginning, _ID, self.name, end, self.body)

    def flows(self) -> None:
        """The rest of a large request may follow; it can no longer be repeated."""
        self.repeatable = False
        self.client.let_flow(True)

    def pause_request(self, is_full: bool) -> None:
        """Pause or resume the request, as the server reads it."""
        if self.missing and not self.done:
            self.client.let_flow(not is_full)

    def begins(self, answer: Answer) -> None:
        """A large answer begins."""
        if not self.done:
            self.passing = True
            self.status = answer.status
            self.client.send(self._rendered(answer))

    def goes_on(self, piece: bytes) -> None:
        """A piece of the large answer."""
        if not self.done:
            self.deadline = time.monotonic() + self.dispatcher.timeout
            self.client.send(piece)

    def ended(self) -> None:
        """The large answer is complete."""
        self._end_passing(is_whole=True)

    def broke(self, reason: str, sent: bool) -> None:
        """The connection broke: try again where that is safe, else answer 502."""
        if self.done:
            return
        if self.passing:
            self._end_passing(is_whole=False)
            return
        self.attempts += 1
        # Only tries that reached a server count as broken: those may have killed it.
        self.broken += sent
        safe = not sent or (
            self.repeatable
            and self.broken <= RETRIES_AFTER_SENDING
            and (self.method in (b"GET", b"HEAD") or self.asks_for_predictions)
        )
        if safe and self.attempts <= RETRIES:
            self.dispatcher.place(self)
        elif not sent:
            # No server was there to take it, so waiting does no harm.
            self.dispatcher.hold(self)
        else:
            self.refuse(502, reason)

    def answered(self, answer: Answer) -> None:
        """Give the client its one answer; later ones are dropped."""
        if self.done or (
            answer.status >= 400 and self.dispatcher.is_answered_by_stable(self, answer.status)
        ):
            return
        self.done = True
        self.status = answer.status
        client = self.client
        # The bytes of the server are passed on unchanged if nothing in its head depends on this
        # client.
        is_usual = answer.is_marked and self.keep_alive and not self.missing
        if is_usual and not client.listener.is_draining:
            self.answer = answer.wire
        else:
            self.answer = self._rendered(answer)
        client.flush()
        self.dispatcher.finished(self, answer)

    # Called by the client's connection.

    def feed(self, piece: bytes) -> None:
        """A piece of a large request arrived."""
        self.missing -= len(piece)
        self.deadline = time.monotonic() + self.dispatcher.timeout
        if self.upstream is not None:
            self.upstream.more(piece)

    def pause_answer(self, is_full: bool) -> None:
        """Pause or resume a large answer, as the client reads it."""
        if self.upstream is not None and not self.done:
            self.upstream.pause(is_full)

    def lost(self) -> None:
        """The client is gone; a complete request is still answered and recorded."""
        # Half a request cannot be answered, and nobody is left to take the rest of an answer.
        if self.missing or self.passing:
            self.give_up(502, "the client is gone")

    # Called by the dispatcher.

    def give_up(self, status: int, reason: str) -> None:
        """Give up: time is up, or the client is gone."""
        if self.upstream is not None:
            self.upstream.cut()
        if self.passing:
            self._end_passing(is_whole=False)
        else:
            self.refuse(status, reason, {"retry-after": "1"} if status == 503 else None)

    def refuse(self, status: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        """Answer without a server."""
        if not self.done:
            seconds = time.monotonic() - self.started
            refusals = self.dispatcher.refusals
            refusals.count(self.route.name, self.method, status, seconds)
            self.answered(refusal(status, reason, headers, is_head=self.method == b"HEAD"))

    def _rendered(self, answer: Answer) -> bytes:
        # One connection keeps its order, so the answer rendered now is sent next.
        keep = self.keep_alive = self.keep_alive and self.client.may_go_on
        return answer.render(self.slot.identity if self.slot is not None else b"", keep)

    @property
    def may_be_asked_again(self) -> bool:
        """Whether another release can be sent the same: a whole call of a model that was kept."""
        return self.repeatable and self.method == b"POST" and self.asks_for_predictions

    @property
    def asks_for_predictions(self) -> bool:
        """Whether it is a call of a model, which has no effect and may be repeated."""
        return self.head.target.partition(b"?")[0].endswith(_CALLS)

    def _end_passing(self, *, is_whole: bool) -> None:
        if self.done:
            return
        self.done = True
        self.status = self.status if is_whole else 502
        if is_whole:
            self.answer = b""
            self.client.flush()
        else:
            self.client.abort()  # only a closed connection shows that the answer is incomplete
        self.dispatcher.finished(self, None)


class Shadow:
    """A copy of an answered request with the same prediction id; its answer is only compared."""

    status = 200
    """The status of a large answer, which comes in pieces."""

    missing = 0
    upstream: UpstreamConnection | None = None

    def __init__(
        self, dispatcher: RequestDispatch, exchange: ProxiedRequest, live: Answer, to: Tally
    ) -> None:
        self.method = exchange.method
        self._dispatcher = dispatcher
        self._live = live
        self._tally = to
        self._started = time.monotonic()
        parts = (exchange.beginning, _ID, exchange.name, _SHADOW, exchange.body)
        self._message = b"".join(parts)

    def message(self) -> bytes:
        """Return the same request, marked as a shadow."""
        return self._message

    def flows(self) -> None:
        """Does nothing: only complete requests are copied."""

    def pause_request(self, is_full: bool) -> None:
        """Does nothing: a shadow has no client to pause."""

    def begins(self, answer: Answer) -> None:
        """A large answer disagrees, because the live one was small; its content is ignored."""
        self.status = answer.status

    def goes_on(self, piece: bytes) -> None:
        """Ignored."""

    def ended(self) -> None:
        """It counts as a disagreement."""
        self._count(self.status, is_same=False)

    def answered(self, answer: Answer) -> None:
        """Compare it with the live answer."""
        self._count(answer.status, is_same=agree(self._live, answer))

    def broke(self, reason: str, sent: bool) -> None:
        """Without an answer there is nothing to compare."""
        self._dispatcher.shadow_ended()
        self._tally.count(502, time.monotonic() - self._started)

    def _count(self, status: int, *, is_same: bool) -> None:
        self._dispatcher.shadow_ended()
        self._tally.count(status, time.monotonic() - self._started)
        self._tally.compared += 1
        self._tally.disagreed += not is_same


class SecondAsking(Shadow):
    """A request that a canary refused, sent to the stable release; only their pair is counted.

    The stable release's own counts stay as they are: refused requests are no sample of its traffic.
    """

    def broke(self, reason: str, sent: bool) -> None:
        """Without an answer it is not known whether the stable release would have refused, too."""
        self._dispatcher.shadow_ended()

    def _count(self, status: int, *, is_same: bool) -> None:
        self._dispatcher.shadow_ended()
        self._tally.refusals_asked += 1
        self._tally.refusals_answered += status < 400
