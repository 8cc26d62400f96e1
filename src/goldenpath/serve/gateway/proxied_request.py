"""One request on its way to an answer: sent, repeated where that is safe, answered once."""

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
"""Only for requests without effect; a request that kills servers must not kill them all."""
_SHADOW = f"\r\n{HEADER_SHADOW}: 1\r\n\r\n".encode()
_ID = f"{HEADER_PREDICTION}: ".encode()
"""The id stands in the last header but for what only the gateway knows."""


class RequestDispatch(Protocol):
    """What a request needs of its dispatcher, so that this module knows no dispatcher."""

    ids: Iterator[bytes]
    timeout: float
    refusals: RefusalCounts

    def place(self, exchange: "ProxiedRequest") -> None:
        """Send the request to a slot, or hold it."""

    def hold(self, exchange: "ProxiedRequest") -> None:
        """Keep the request until a server is there."""

    def finished(self, exchange: "ProxiedRequest", answer: Answer | None) -> None:
        """Count an answer that went out; None is one that was passed on piece by piece."""

    def shadow_ended(self) -> None:
        """Let one more shadow request go out."""


class ProxiedRequest:
    """One request; whatever happens to servers, the client hears of it once.

    To the client's connection it is a pending answer, to the server's a requester.
    """

    # Most requests end as they begin: what changes on the way is only set when it does.
    answer: bytes | None = None
    attempts = 0
    broken = 0
    repeatable = True
    done = False
    passing = False
    """Whether the client has the beginning of a large answer."""
    status = 0
    held = 0
    """Bytes of the body that count against the limit of all bodies."""
    missing = 0
    """Bytes of the body that are still to come."""
    deadline = 0.0
    """When it is given up; 0.0: as long after its start as everybody."""
    wanted = ""
    beginning = b""
    """Request line and headers, up to the id."""
    slot: TrafficSlot | None = None
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
        # The loop's clock stands still while it works, and would count a fast answer as 0 s.
        self.started = time.monotonic()

    @property
    def method(self) -> bytes:
        """Of the request."""
        return self.head.method

    # What the server's connection calls.

    def message(self) -> bytes:
        """What a server is sent."""
        end = END if self.slot is None else self.slot.end
        return b"%b%b%b%b%b" % (self.beginning, _ID, self.name, end, self.body)

    def flows(self) -> None:
        """The rest of a large request may follow; from here on it cannot be repeated."""
        self.repeatable = False
        self.client.let_flow(True)

    def pause_request(self, is_full: bool) -> None:
        """The server takes no more for now, or again."""
        if self.missing and not self.done:
            self.client.let_flow(not is_full)

    def begins(self, answer: Answer) -> None:
        """A large answer begins."""
        if not self.done:
            self.passing = True
            self.status = answer.status
            self.client.send(self._rendered(answer))

    def goes_on(self, piece: bytes) -> None:
        """A piece of it."""
        if not self.done:
            self.deadline = time.monotonic() + self.dispatcher.timeout
            self.client.send(piece)

    def ended(self) -> None:
        """The large answer is complete."""
        self._end_passing(is_whole=True)

    def broke(self, reason: str, sent: bool) -> None:
        """The connection broke: again, where that is safe, or 502."""
        if self.done:
            return
        if self.passing:
            self._end_passing(is_whole=False)
            return
        self.attempts += 1
        self.broken += sent
        safe = not sent or (
            self.repeatable
            and self.broken <= RETRIES_AFTER_SENDING
            and (self.method in (b"GET", b"HEAD") or self._asks_for_predictions())
        )
        if safe and self.attempts <= RETRIES:
            self.dispatcher.place(self)
        elif not sent:
            self.dispatcher.hold(self)
        else:
            self.refuse(502, reason)

    def answered(self, answer: Answer) -> None:
        """Gives the client its one answer; later ones are dropped."""
        if self.done:
            return
        self.done = True
        self.status = answer.status
        client = self.client
        is_usual = answer.is_marked and self.keep_alive and not self.missing
        if is_usual and not client.listener.is_draining:
            self.answer = answer.wire
        else:
            self.answer = self._rendered(answer)
        client.flush()
        self.dispatcher.finished(self, answer)

    # What the client's connection calls.

    def feed(self, piece: bytes) -> None:
        """A piece of a large request arrived."""
        self.missing -= len(piece)
        self.deadline = time.monotonic() + self.dispatcher.timeout
        if self.upstream is not None:
            self.upstream.more(piece)

    def pause_answer(self, is_full: bool) -> None:
        """The client takes no more of a large answer for now, or again."""
        if self.upstream is not None and not self.done:
            self.upstream.pause(is_full)

    def lost(self) -> None:
        """The client is gone; a request that is whole is answered and recorded all the same."""
        if self.missing or self.passing:
            self.give_up(502, "the client is gone")

    # What the dispatcher calls.

    def give_up(self, status: int, reason: str) -> None:
        """Time is up, or the client is gone."""
        if self.upstream is not None:
            self.upstream.cut()
        if self.passing:
            self._end_passing(is_whole=False)
        else:
            self.refuse(status, reason, {"retry-after": "1"} if status == 503 else None)

    def refuse(self, status: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        """Answers without a server."""
        if not self.done:
            seconds = time.monotonic() - self.started
            refusals = self.dispatcher.refusals
            refusals.count(self.route.name, self.method, status, seconds)
            self.answered(refusal(status, reason, headers, is_head=self.method == b"HEAD"))

    def _rendered(self, answer: Answer) -> bytes:
        # One connection keeps its order, so what is rendered now is what is sent next.
        keep = self.keep_alive = self.keep_alive and self.client.may_go_on
        return answer.render(self.slot.said if self.slot is not None else b"", keep)

    def _asks_for_predictions(self) -> bool:
        return self.head.target.partition(b"?")[0].endswith(b"/infer")

    def _end_passing(self, *, is_whole: bool) -> None:
        if self.done:
            return
        self.done = True
        self.status = self.status if is_whole else 502
        if is_whole:
            self.answer = b""
            self.client.flush()
        else:
            self.client.abort()  # what broke off cannot be told otherwise than so
        self.dispatcher.finished(self, None)


class Shadow:
    """A copy of an answered request, with the same prediction id; its answer is only compared."""

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
        """The same request, marked."""
        return self._message

    def flows(self) -> None:
        """Nothing is missing: only whole requests are copied."""

    def pause_request(self, is_full: bool) -> None:
        """There is nobody to hold back."""

    def begins(self, answer: Answer) -> None:
        """A large answer, while the live one was not: it is ignored, and disagrees."""

    def goes_on(self, piece: bytes) -> None:
        """Ignored."""

    def ended(self) -> None:
        """It counts as one that disagrees."""
        self._count(200, is_same=False)

    def answered(self, answer: Answer) -> None:
        """Compared with the live answer."""
        self._count(answer.status, is_same=agree(self._live, answer))

    def broke(self, reason: str, sent: bool) -> None:
        """There is nothing to compare."""
        self._dispatcher.shadow_ended()
        self._tally.count(502, time.monotonic() - self._started)

    def _count(self, status: int, *, is_same: bool) -> None:
        self._dispatcher.shadow_ended()
        self._tally.count(status, time.monotonic() - self._started)
        self._tally.compared += 1
        self._tally.disagreed += not is_same
