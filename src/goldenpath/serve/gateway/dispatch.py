"""The dispatcher of requests to slots: choice, holding, time limits, shadows and counts."""

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping

from goldenpath.http.messages.answer import Answer
from goldenpath.http.messages.request_target import decoded_path
from goldenpath.http.upstream import UpstreamPool
from goldenpath.instruments import HEADER_PREDICTION, HEADER_RELEASE, HEADER_SLOT, HEADER_SUBJECT
from goldenpath.processes.launch import Route, Routes
from goldenpath.serve.gateway.proxied_request import ProxiedRequest, SecondAsking, Shadow
from goldenpath.serve.gateway.route import TrafficRoute, TrafficSlot
from goldenpath.serve.gateway.tally import RefusalCounts, Tally

_RELEASE, _SLOT, _SUBJECT = (
    name.encode() for name in (HEADER_RELEASE, HEADER_SLOT, HEADER_SUBJECT)
)
MAX_SHADOWS = 64
MAX_ASKED_AGAIN = 20
"""Refusals of canaries in a second after which the stable release is asked the same."""
MAX_HELD_BYTES = 128 * 1024 * 1024
"""Bytes of all requests that may wait for a server."""


class Dispatcher:
    """Holds the routing table in force and every request that is not answered yet."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        timeout: float,
        held: int,
        seed: int,
        report: Callable[[dict[str, object]], None],
        scheme: str = "http",
    ) -> None:
        self.loop = loop
        self.timeout = timeout
        self.random = random.Random(seed)  # noqa: S311 - spreads load and names answers, no secret
        self.ids = _ids(self.random)
        self.refusals = RefusalCounts(scheme)
        self._report = report
        self._traffic: dict[bytes, TrafficRoute] = {}
        self._routes: Mapping[bytes, Route] = {}
        self._pending: frozenset[bytes] | None = None
        """Models that may be served soon; None while nobody knows which."""
        self._pools: dict[str, UpstreamPool] = {}
        self._limit = held
        self._held: deque[ProxiedRequest] = deque()
        self._held_bytes = 0
        self._open: set[ProxiedRequest] = set()
        self._shadows = 0
        self._second = 0
        self._asked_again = 0
        """Refusals after which the stable release was asked, in this second."""
        self._waiting: dict[bytes, float] = {}
        """Start of the wait, by route without a server."""
        self._samples = 0
        self._busy = Counter[bytes]()

    @property
    def tallies(self) -> dict[str, Tally]:
        """Return the counts of every slot that got requests, by `stage/model/slot`."""
        return {
            f"{traffic.name}/{slot.name}": slot.tally
            for traffic in self._traffic.values()
            for slot in traffic.slots.values()
            if slot.tally.requests
        }

    def apply(self, routes: Routes) -> None:
        """Put a routing table in force: no new request uses an older one."""
        before = self._routes
        pending = routes.pending
        self._pending = None if pending is None else frozenset(map(str.encode, pending))
        self._routes = {f"{each.stage}/{each.model}".encode(): each for each in routes.routes}
        self._open_pools()
        for key, route in self._routes.items():
            traffic = self._traffic.get(key)
            if traffic is None:
                # The random start keeps gateways that start together from sending the same share of
                # requests to the canary in step.
                traffic = self._traffic[key] = TrafficRoute(key, self.random.random())
            old = before.get(key)
            # The counts start again if releases or weights have changed.
            is_same = old is not None and _weights(old) == _weights(route)
            traffic.follow(route, self._slots(route, traffic.slots if is_same else {}))
        # Routes live on in the requests that hold them; they only get no new ones.
        for key in self._traffic.keys() - self._routes.keys():
            self._traffic.pop(key).leave()
        self._retry_held()

    def _open_pools(self) -> None:
        routes = self._routes.values()
        addresses = {each for route in routes for slot in route.slots for each in slot.addresses}
        for address in self._pools.keys() - addresses:
            self._pools.pop(address).retire()
        for address in addresses - self._pools.keys():
            self._pools[address] = UpstreamPool(
                address, self.loop, mark=_RELEASE, varying=(HEADER_PREDICTION,)
            )

    def _slots(self, route: Route, before: Mapping[str, TrafficSlot]) -> dict[str, TrafficSlot]:
        traffic = {}
        for place, slot in enumerate(route.slots):
            pools = tuple(self._pools[address] for address in slot.addresses)
            tally = before[slot.name].tally if slot.name in before else Tally()
            traffic[slot.name] = TrafficSlot(slot, pools, tally, is_canary=place > 0)
        return traffic

    def find(self, target: bytes, host: bytes) -> tuple[TrafficRoute, bytes] | None:
        """Return the route of a request, and the target as a model server sees it.

        `/<stage>/<model>/v2/…` goes by its path; `/v2/…` by a host `<model>.<stage>.localhost`.
        """
        for name, rest in _addressed(target, host):
            traffic = self._traffic.get(name)
            if traffic is not None:
                return traffic, rest
        return None

    def may_come(self, target: bytes, host: bytes) -> bool:
        """Whether a model without a route may be served soon, as far as git is known."""
        pending = self._pending
        return any(pending is None or name in pending for name, _ in _addressed(target, host))

    def submit(self, exchange: ProxiedRequest) -> None:
        """Take a request, whose client gets exactly one answer."""
        self._open.add(exchange)
        exchange.route.asked = True
        self.place(exchange)

    def place(self, exchange: ProxiedRequest) -> None:
        """Send a request to its slot, or hold it until a server is ready."""
        traffic = exchange.route
        if not traffic.slots:
            if traffic.served:
                exchange.refuse(503, "the model is stopped by its declaration")
            else:
                exchange.refuse(404, "the model is not served here any more")
            return
        # A caller may name the slot, for a smoke test of a canary. It must never get another one.
        forced = exchange.head.fields.get(_SLOT)
        if forced is not None:
            slot = traffic.slots.get(forced.decode("ascii", "replace"))
            if slot is None:
                exchange.refuse(404, "the model has no such slot")
                return
        else:
            # Chosen once, and kept while the route has the slot.
            requested = traffic.slots.get(exchange.wanted) if exchange.wanted else None
            slot = requested or traffic.choose(exchange.head.fields.get(_SUBJECT))
        if slot is not None:
            exchange.wanted = slot.name
        pool = slot.pool(exchange.tried) if slot is not None else None
        if pool is None and forced is None:
            # Other slots take the share of a canary without servers. A forced slot keeps its own.
            slot = traffic.instead()
            pool = slot.pool(exchange.tried) if slot is not None else None
        if pool is None:
            self._without_server(exchange, is_forced=forced is not None)
            return
        exchange.slot = slot
        if self._waiting:
            self._awake(traffic)
        if slot is not None and len(slot.pools) > 1:
            # With one server there is no other to prefer, so that a retry may use it again.
            exchange.tried |= {pool.address}
        pool.send(exchange)

    def _without_server(self, exchange: ProxiedRequest, *, is_forced: bool) -> None:
        """Hold a request, or refuse it where only a canary could answer beyond its share."""
        traffic = exchange.route
        if not traffic.canary_takes_over and not is_forced and traffic.has_server:
            exchange.refuse(503, "the stable release cannot answer", {"retry-after": "1"})
        else:
            self.hold(exchange)

    def _awake(self, traffic: TrafficRoute) -> None:
        since = self._waiting.pop(traffic.key, None)
        if since is not None:
            seconds = time.monotonic() - since
            self._report({"event": "woke", "deployment": traffic.name, "seconds": seconds})

    def hold(self, exchange: ProxiedRequest) -> None:
        """Hold a request until a server is ready: after a start, a restart or a wake from zero."""
        size = len(exchange.body)
        if len(self._held) >= self._limit or self._held_bytes + size > MAX_HELD_BYTES:
            exchange.refuse(503, "no model server is ready", {"retry-after": "1"})
            return
        self._held.append(exchange)
        self._held_bytes += size
        traffic = exchange.route
        if traffic.key not in self._waiting:
            self._waiting[traffic.key] = time.monotonic()
            self._report({"event": "busy", "deployments": {traffic.name: 1}})

    def is_answered_by_stable(self, exchange: ProxiedRequest, status: int) -> bool:
        """Send what a canary refused to the stable release, where the stage says so."""
        slot, stable = exchange.slot, exchange.route.stable
        if (
            not exchange.route.stable_answers_refusals
            or slot is None or stable is None or slot is stable
            or exchange.refused_by is not None
            or status >= 500
            or _SLOT in exchange.head.fields
            or not exchange.may_be_asked_again
        ):  # fmt: skip
            return False
        slot.tally.count(status, time.monotonic() - exchange.started)
        exchange.refused_by, exchange.wanted = slot, stable.name
        self.place(exchange)
        return True

    def finished(self, exchange: ProxiedRequest, answer: Answer | None) -> None:
        """Count a sent answer and start its shadow; None for a streamed answer."""
        self._open.discard(exchange)
        slot = exchange.slot
        if slot is None:
            return
        slot.tally.count(exchange.status, time.monotonic() - exchange.started)
        if (canary := exchange.refused_by) is not None:
            canary.tally.refusals_asked += 1
            canary.tally.refusals_answered += exchange.status < 400
        if slot.is_compared and answer is not None:
            if answer.status == 200:
                self._copy(exchange, slot, answer)
            elif 400 <= answer.status < 500:
                self._ask_stable(exchange, slot, answer)

    def _copy(self, exchange: ProxiedRequest, slot: TrafficSlot, answer: Answer) -> None:
        """Send a copy of a request to the compared slots; a large one was not kept."""
        if not exchange.repeatable:
            return
        for shadow in exchange.route.compared_with(slot, exchange.name):
            pool = shadow.pool()
            if shadow is not slot and pool is not None and self._shadows < MAX_SHADOWS:
                self._shadows += 1
                pool.send(Shadow(self, exchange, answer, shadow.tally))

    def _ask_stable(self, exchange: ProxiedRequest, slot: TrafficSlot, answer: Answer) -> None:
        """Ask the stable release what its canary refused, within the limit of a second."""
        stable = exchange.route.stable
        if stable is None or stable is slot or not exchange.may_be_asked_again:
            return
        pool = stable.pool()
        if pool is None or self._shadows >= MAX_SHADOWS or not self._may_ask():
            return
        self._shadows += 1
        pool.send(SecondAsking(self, exchange, answer, slot.tally))

    def _may_ask(self) -> bool:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._asked_again = second, 0
        self._asked_again += 1
        return self._asked_again <= MAX_ASKED_AGAIN

    def shadow_ended(self) -> None:
        """Let one more shadow request start."""
        self._shadows -= 1

    def sweep(self) -> None:
        """End requests that waited too long, and retry held ones."""
        now = time.monotonic()
        # A set, because `in` on the deque would make the sweep quadratic.
        held = set(self._held)
        late = [each for each in self._open if (each.deadline or each.started + self.timeout) < now]
        for exchange in late:
            if exchange in held:
                exchange.give_up(503, "no model server became ready in time")
            else:
                exchange.give_up(504, "the model server did not answer in time")
        self._retry_held()
        waiting = {exchange.route.key for exchange in self._held}
        self._waiting = {key: since for key, since in self._waiting.items() if key in waiting}
        self._samples += 1
        self._busy.update(exchange.route.key for exchange in self._open)

    def report_busy(self) -> None:
        """Report the deployments with requests since the last call, and their concurrency."""
        busy, self._busy = self._busy, Counter[bytes]()
        samples, self._samples = max(self._samples, 1), 0
        mean = {}
        for traffic in self._traffic.values():
            if traffic.asked or busy[traffic.key]:
                mean[traffic.name] = busy[traffic.key] / samples
                traffic.asked = False
        if mean:
            self._report({"event": "busy", "deployments": mean})

    def _retry_held(self) -> None:
        held, self._held, self._held_bytes = self._held, deque(), 0
        for exchange in held:
            if not exchange.done:
                # A request that waited for a server starts with all its tries.
                exchange.attempts = 0
                self.place(exchange)


def _addressed(target: bytes, host: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the names that a request may mean, each with the target as a model server sees it."""
    parts = target.split(b"/", 3)
    if len(parts) == 4 and parts[0] == b"":
        name = b"%b/%b" % (parts[1], parts[2])
        yield (decoded_path(name) if b"%" in name else name), b"/" + parts[3]
    labels = host.split(b":", 1)[0].lower().split(b".")
    if len(labels) >= 3 and labels[-1] == b"localhost":
        yield labels[-2] + b"/" + b".".join(labels[:-2]), target


def _ids(source: random.Random) -> Iterator[bytes]:
    """Generate prediction ids, 32 hexadecimal digits each; a thousand at a time are cheap."""
    while True:
        digits = source.randbytes(16 * 1024).hex().encode()
        for start in range(0, len(digits), 32):
            yield digits[start : start + 32]


def _weights(route: Route) -> list[tuple[str, int, bool]]:
    return [(slot.name, slot.percent, slot.shadow) for slot in route.slots]
