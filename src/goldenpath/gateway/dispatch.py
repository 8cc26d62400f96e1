"""Brings requests to slots: choice, holding, retries, time limits, shadows and counting."""

import asyncio
import json
import random
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Final

from goldenpath.gateway.message import Answer, Headers, Request, refusal
from goldenpath.gateway.split import rotate
from goldenpath.gateway.table import Table, pick, servable
from goldenpath.gateway.tally import Tally
from goldenpath.gateway.upstream import Pool
from goldenpath.instruments import HEADER_PREDICTION, HEADER_RELEASE, HEADER_SLOT
from goldenpath.reconcile.launch import Route, Routes, RouteSlot

HEADER_SUBJECT: Final = b"x-goldenpath-subject"
FORCED: Final = HEADER_SLOT.encode()
PREDICTION: Final = HEADER_PREDICTION.encode()
RETRIES = 2
RETRIES_AFTER_SENDING = 1
"""Only for requests without effect; a request that kills servers must not kill them all."""
MAX_SHADOWS = 64
TOLERANCE = 1e-6


class Exchange:
    """One request on its way to an answer."""

    __slots__ = (
        "_reply", "attempts", "broken", "deadline", "dispatcher", "done", "extra", "forced",
        "key", "request", "route", "slot", "started", "tried", "wanted",
    )  # fmt: skip

    def __init__(
        self,
        dispatcher: "Dispatcher",
        key: bytes,
        request: Request,
        reply: Callable[[Answer, Headers], None],
    ) -> None:
        self.dispatcher = dispatcher
        self.key = key
        self.request = request
        self._reply = reply
        # The loop's clock stands still while it works, and would count a fast answer as 0 s.
        self.started = time.monotonic()
        self.deadline = dispatcher.loop.time() + dispatcher.timeout
        self.attempts = 0
        self.broken = 0
        self.done = False
        self.tried: set[str] = set()
        self.wanted = ""
        self.forced = False
        self.route: Route | None = None
        self.slot: RouteSlot | None = None
        self.extra: Headers = [(PREDICTION, b"%032x" % dispatcher.random.getrandbits(128))]

    def answered(self, answer: Answer) -> None:
        """A model server answered."""
        self.finish(answer)

    def broke(self, reason: str, sent: bool) -> None:
        """The connection broke: again, where that is safe, or 502."""
        self.attempts += 1
        self.broken += sent
        repeatable = self.request.method == b"GET" or self.request.path.endswith(b"/infer")
        safe = not sent or (repeatable and self.broken <= RETRIES_AFTER_SENDING)
        if self.done:
            return
        if safe and self.attempts <= RETRIES:
            self.dispatcher.place(self)
        elif not sent:
            self.dispatcher.hold(self)
        else:
            self.finish(refusal(502, reason))

    def finish(self, answer: Answer) -> None:
        """Gives the client its one answer; later ones are dropped."""
        if self.done:
            return
        self.done = True
        extra: Headers = []
        if self.slot is not None:
            extra = [
                (HEADER_RELEASE.encode(), self.slot.digest.encode()),
                (FORCED, self.slot.name.encode()),
            ]
        self._reply(answer, extra)
        self.dispatcher.finished(self, answer)


class Dispatcher:
    """Holds the routing table in force and every request that is not answered yet."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        timeout: float,
        held: int,
        seed: int,
        tell: Callable[[dict[str, object]], None],
    ) -> None:
        self.loop = loop
        self.timeout = timeout
        self.random = random.Random(seed)  # noqa: S311 - spreads load and names answers, no secret
        self.tallies: dict[str, Tally] = {}
        self._table = Table(0, {})
        self._pools: dict[str, Pool] = {}
        self._points: dict[bytes, float] = {}
        self._limit = held
        self._held: deque[Exchange] = deque()
        self._open: set[Exchange] = set()
        self._shadows = 0
        self._tell = tell
        self._waiting: dict[bytes, float] = {}
        """By deployment without a server: since when a request waits for one."""
        self._asked: set[bytes] = set()
        self._samples = 0
        self._busy = Counter[bytes]()

    @property
    def unanswered(self) -> int:
        """Requests that came and have no answer yet."""
        return len(self._open)

    def apply(self, routes: Routes) -> None:
        """Puts a routing table in force: from here on no new request uses an older one."""
        before, self._table = self._table, Table.of(routes)
        self._begin_anew(before)
        wanted = self._table.addresses()
        for address in [address for address in self._pools if address not in wanted]:
            self._pools.pop(address).retire()
        for address in wanted - self._pools.keys():
            self._pools[address] = Pool(address, self.loop)
        self._retry_held()

    def _begin_anew(self, before: Table) -> None:
        """Forgets the counts of routes whose releases or weights have changed."""
        for key, route in self._table.by_path.items():
            old = before.by_path.get(key)
            if old is None or _weights(old) != _weights(route):
                for slot in (*route.slots, *(old.slots if old else ())):
                    self.tallies.pop(f"{key.decode()}/{slot.name}", None)

    def find(self, path: bytes, host: bytes) -> tuple[bytes, bytes] | None:
        """Key of the route of a request and the path behind it."""
        found = self._table.find(path, host)
        if found is None:
            return None
        route, rest = found
        return f"{route.stage}/{route.model}".encode(), rest

    def submit(
        self, key: bytes, request: Request, reply: Callable[[Answer, Headers], None]
    ) -> None:
        """Takes a request; `reply` hears its one answer."""
        exchange = Exchange(self, key, request, reply)
        self._open.add(exchange)
        self._asked.add(key)
        self.place(exchange)

    def place(self, exchange: Exchange) -> None:
        """Sends a request to the slot it belongs to, or holds it until there is one."""
        route = self._table.by_path.get(exchange.key)
        if route is None:
            exchange.finish(refusal(404, "the model is not served here any more"))
            return
        if not route.slots:
            exchange.finish(refusal(503, "the model is stopped by its declaration"))
            return
        exchange.route = route
        name = self._pick(exchange, route)
        if name is None:
            exchange.finish(refusal(404, "the model has no such slot"))
            return
        point = self._points.get(exchange.key, 0.0)
        slot = servable(self._closed_circuits(route), name, exchange.forced, point)
        if slot is None:
            self.hold(exchange)
            return
        exchange.slot = slot
        if exchange.key in self._waiting:
            seconds = time.monotonic() - self._waiting.pop(exchange.key)
            name = exchange.key.decode()
            self._tell({"event": "woke", "deployment": name, "seconds": seconds})
        pools = [self._pools[address] for address in slot.addresses]
        fresh = [pool for pool in pools if pool.address not in exchange.tried] or pools
        pool = min(fresh, key=lambda pool: (pool.in_flight, pool.sent))
        exchange.tried.add(pool.address)
        pool.send(exchange)

    def hold(self, exchange: Exchange) -> None:
        """Keeps a request until a server is there: a start, a restart, a wake from zero."""
        if len(self._held) >= self._limit:
            busy = refusal(503, "no model server is ready", [(b"retry-after", b"1")])
            exchange.finish(busy)
            return
        self._held.append(exchange)
        if exchange.key not in self._waiting:
            self._waiting[exchange.key] = time.monotonic()
            self._tell({"event": "busy", "deployments": {exchange.key.decode(): 1}})

    def finished(self, exchange: Exchange, answer: Answer) -> None:
        """Counts an answer that went out and starts its shadow."""
        self._open.discard(exchange)
        if exchange.slot is None or exchange.route is None:
            return
        name = exchange.key.decode() + "/" + exchange.slot.name
        self._tally(name).count(answer.status, time.monotonic() - exchange.started)
        for slot in exchange.route.slots:
            other = slot.name != exchange.slot.name
            if slot.shadow and other and slot.addresses and answer.status == 200:
                self._shadow(exchange, slot, answer)

    def sweep(self) -> None:
        """Ends what waited too long and looks again at what is held."""
        now = self.loop.time()
        for exchange in [exchange for exchange in self._open if exchange.deadline < now]:
            if exchange in self._held:
                self._held.remove(exchange)
                late = refusal(
                    503, "no model server became ready in time", [(b"retry-after", b"1")]
                )
                exchange.finish(late)
            else:
                exchange.finish(refusal(504, "the model server did not answer in time"))
        self._retry_held()
        held = {exchange.key for exchange in self._held}
        self._waiting = {key: since for key, since in self._waiting.items() if key in held}
        self._samples += 1
        self._busy.update(exchange.key for exchange in self._open)

    def tell_busy(self) -> None:
        """Says which deployments were asked since the last time, and by how many at a time."""
        asked, self._asked = self._asked | self._busy.keys(), set()
        busy, self._busy = self._busy, Counter[bytes]()
        samples, self._samples = max(self._samples, 1), 0
        if asked:
            mean = {key.decode(): busy[key] / samples for key in asked}
            self._tell({"event": "busy", "deployments": mean})

    def _retry_held(self) -> None:
        held, self._held = self._held, deque()
        for exchange in held:
            if not exchange.done:
                exchange.attempts = 0
                self.place(exchange)

    def _pick(self, exchange: Exchange, route: Route) -> str | None:
        """The slot of a request, drawn once and kept while the route has it."""
        if exchange.wanted and any(slot.name == exchange.wanted for slot in route.slots):
            return exchange.wanted
        forced = exchange.request.find(FORCED)
        subject = exchange.request.find(HEADER_SUBJECT)
        point = self._points.get(exchange.key)
        point = self.random.random() if point is None else rotate(point)
        self._points[exchange.key] = point
        name = pick(route, forced, subject, point)
        exchange.wanted = name or ""
        exchange.forced = forced is not None
        return name

    def _closed_circuits(self, route: Route) -> Route:
        """The route without the addresses whose circuit is open."""
        if not any(self._pools[a].is_open() for slot in route.slots for a in slot.addresses):
            return route
        slots = tuple(
            RouteSlot(
                slot.name,
                slot.digest,
                slot.percent,
                tuple(a for a in slot.addresses if not self._pools[a].is_open()),
                slot.shadow,
            )
            for slot in route.slots
        )
        return Route(route.stage, route.model, slots)

    def _tally(self, name: str) -> Tally:
        tally = self.tallies.get(name)
        if tally is None:
            tally = self.tallies[name] = Tally()
        return tally

    def _shadow(self, exchange: Exchange, slot: RouteSlot, answer: Answer) -> None:
        pool = self._pools.get(slot.addresses[0])
        if pool is None or self._shadows >= MAX_SHADOWS:
            return
        self._shadows += 1
        tally = self._tally(exchange.key.decode() + "/" + slot.name)
        pool.send(_Shadow(self, exchange, answer, tally))

    def shadow_ended(self) -> None:
        """One more shadow request may go out."""
        self._shadows -= 1


class _Shadow:
    """A copy of an answered request, with the same prediction id; its answer is only compared."""

    def __init__(
        self, dispatcher: Dispatcher, exchange: Exchange, live: Answer, tally: Tally
    ) -> None:
        self._dispatcher = dispatcher
        self._live = live
        self._tally = tally
        self._started = time.monotonic()
        self.request = exchange.request
        self.extra = exchange.extra

    def answered(self, answer: Answer) -> None:
        self._dispatcher.shadow_ended()
        self._tally.count(answer.status, time.monotonic() - self._started)
        self._tally.compared += 1
        if not agree(self._live, answer):
            self._tally.disagreed += 1

    def broke(self, reason: str, sent: bool) -> None:
        self._dispatcher.shadow_ended()
        self._tally.count(502, time.monotonic() - self._started)


def _weights(route: Route) -> list[tuple[str, int, bool]]:
    return [(slot.name, slot.percent, slot.shadow) for slot in route.slots]


def agree(live: Answer, shadow: Answer) -> bool:
    """Whether two answers to one request hold the same outputs, up to rounding."""
    if live.status != shadow.status:
        return False
    try:
        mine, other = json.loads(live.body)["outputs"], json.loads(shadow.body)["outputs"]
        return len(mine) == len(other) and all(
            a["name"] == b["name"] and _close(a["data"], b["data"])
            for a, b in zip(mine, other, strict=True)
        )
    except (ValueError, KeyError, TypeError):
        return live.body == shadow.body


def _close(mine: object, other: object) -> bool:
    if isinstance(mine, list) and isinstance(other, list):
        return len(mine) == len(other) and all(
            _close(a, b) for a, b in zip(mine, other, strict=True)
        )
    if isinstance(mine, float) and isinstance(other, int | float):
        return abs(mine - other) <= TOLERANCE
    return mine == other
