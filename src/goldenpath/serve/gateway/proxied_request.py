"""One request on its way to an answer: sent, repeated where that is safe, answered once."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from goldenpath.instruments import HEADER_SHADOW
from goldenpath.serve.gateway.agreement import agree
from goldenpath.serve.gateway.message import END, Answer, RequestHead, refusal
from goldenpath.serve.gateway.route import TrafficRoute, TrafficSlot
from goldenpath.serve.gateway.tally import Tally
from goldenpath.serve.gateway.upstream import UpstreamConnection

if TYPE_CHECKING:
    from goldenpath.serve.gateway.dispatch import Dispatcher

RETRIES = 2
RETRIES_AFTER_SENDING = 1
"""Only for requests without effect; a request that kills servers must not kill them all."""
_SHADOW = f"\r\n{HEADER_SHADOW}: 1\r\n\r\n".encode()


class Requester(Protocol):
    """The client's side of an exchange."""

    def reply(self, answer: Answer, extra: bytes) -> None:
        """The one answer."""

    def begin_reply(self, answer: Answer, extra: bytes) -> None:
        """The head of an answer whose body follows piece by piece."""

    def go_on(self, piece: bytes) -> None:
        """A piece of it."""

    def end_reply(self, *, is_whole: bool) -> None:
        """That was all of it, or all that there will be."""

    def let_flow(self, may: bool) -> None:
        """Whether more of a large request may be read."""


class ProxiedRequest:
    """One request; whatever happens to servers, the client hears of it once."""

    # Most requests end as they begin: what changes on the way is only set when it does.
    attempts = 0
    broken = 0
    repeatable = True
    done = False
    passing = False
    """Whether the client has the beginning of a large answer."""
    status = 0
    wanted = ""
    slot: TrafficSlot | None = None
    connection: UpstreamConnection | None = None
    tried: frozenset[str] = frozenset()

    def __init__(
        self,
        dispatcher: "Dispatcher",
        client: Requester,
        lane: TrafficRoute,
        head: RequestHead,
        beginning: bytes,
        body: bytes,
    ) -> None:
        self.dispatcher = dispatcher
        self.client = client
        self.lane = lane
        self.head = head
        self.beginning = beginning
        """Everything before the id: request line, headers, and the name of the last one."""
        self.body = body
        self.missing = head.length - len(body)
        self.name = next(dispatcher.ids)
        # The loop's clock stands still while it works, and would count a fast answer as 0 s.
        self.started = time.monotonic()
        self.deadline = self.started + dispatcher.timeout

    def message(self) -> bytes:
        """What a server is sent."""
        end = END if self.slot is None else self.slot.end
        return b"%b%b%b%b" % (self.beginning, self.name, end, self.body)

    def flows(self) -> None:
        """The rest of a large request may follow; from here on it cannot be repeated."""
        self.repeatable = False
        self.client.let_flow(True)

    def hold_back(self, is_full: bool) -> None:
        """The server takes no more for now, or again."""
        if self.missing and not self.done:
            self.client.let_flow(not is_full)

    def feed(self, piece: bytes) -> None:
        """A piece of a large request arrived."""
        self.missing -= len(piece)
        self.deadline = time.monotonic() + self.dispatcher.timeout
        if self.connection is not None:
            self.connection.more(piece)

    def begins(self, answer: Answer) -> None:
        """A large answer begins."""
        if not self.done:
            self.passing = True
            self.status = answer.status
            self.client.begin_reply(answer, self.slot.said if self.slot is not None else b"")

    def goes_on(self, piece: bytes) -> None:
        """A piece of it."""
        if not self.done:
            self.deadline = time.monotonic() + self.dispatcher.timeout
            self.client.go_on(piece)

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
            and (self.head.method == b"GET" or b"/infer HTTP" in self.beginning)
        )
        if safe and self.attempts <= RETRIES:
            self.dispatcher.place(self)
        elif not sent:
            self.dispatcher.hold(self)
        else:
            self.refuse(502, reason)

    def give_up(self, status: int, reason: str) -> None:
        """Time is up, or the client is gone."""
        if self.connection is not None:
            self.connection.cut()
        if self.passing:
            self._end_passing(is_whole=False)
        else:
            self.refuse(status, reason, [(b"retry-after", b"1")] if status == 503 else ())

    def refuse(self, status: int, reason: str, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
        """Answers without a server."""
        if not self.done:
            seconds = time.monotonic() - self.started
            refusals = self.dispatcher.refusals
            refusals.count(self.lane.name, self.head.method, status, seconds)
            self.finish(refusal(status, reason, headers))

    def finish(self, answer: Answer) -> None:
        """Gives the client its one answer; later ones are dropped."""
        if self.done:
            return
        self.done = True
        self.status = answer.status
        self.client.reply(answer, self.slot.said if self.slot is not None else b"")
        self.dispatcher.finished(self, answer)

    answered = finish
    """A model server answered."""

    def _end_passing(self, *, is_whole: bool) -> None:
        if self.done:
            return
        self.done = True
        self.status = self.status if is_whole else 502
        self.client.end_reply(is_whole=is_whole)
        self.dispatcher.finished(self, None)


class Shadow:
    """A copy of an answered request, with the same prediction id; its answer is only compared."""

    missing = 0
    connection: UpstreamConnection | None = None

    def __init__(
        self, dispatcher: "Dispatcher", exchange: ProxiedRequest, live: Answer, to: Tally
    ) -> None:
        self._dispatcher = dispatcher
        self._live = live
        self._tally = to
        self._started = time.monotonic()
        self._message = b"%b%b%b%b" % (exchange.beginning, exchange.name, _SHADOW, exchange.body)

    def message(self) -> bytes:
        """The same request, marked."""
        return self._message

    def flows(self) -> None:
        """Nothing is missing: only whole requests are copied."""

    def hold_back(self, is_full: bool) -> None:
        """There is nobody to hold back."""

    def begins(self, answer: Answer) -> None:
        """A large answer, while the live one was not: it is read over, and disagrees."""

    def goes_on(self, piece: bytes) -> None:
        """Read over."""

    def ended(self) -> None:
        """It counts as one that disagrees."""
        self._count(200, is_same=False)

    def answered(self, answer: Answer) -> None:
        """Held against the live answer."""
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
