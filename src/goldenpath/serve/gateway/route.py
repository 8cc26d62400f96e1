"""One model's traffic: its slots in force, the pools of connections behind them, the counts.

A `TrafficRoute` stays the same object while its slots change, so holders can keep it.
"""

from collections.abc import Collection, Mapping

from goldenpath.http.messages.heads import END
from goldenpath.http.upstream import UpstreamPool
from goldenpath.instruments import HEADER_CANARY, HEADER_RELEASE, HEADER_SLOT
from goldenpath.processes.launch import Route, RouteSlot
from goldenpath.serve.gateway.split import Sticky, rotate, shares
from goldenpath.serve.gateway.tally import Tally

_CANARY = b"\r\n" + HEADER_CANARY.encode() + b": 1" + END


class TrafficSlot:
    """One release of a route."""

    __slots__ = ("end", "identity", "is_compared", "name", "percent", "pools", "shadow", "tally")

    def __init__(
        self,
        slot: RouteSlot,
        pools: tuple[UpstreamPool, ...],
        tally: Tally,
        *,
        is_canary: bool = False,
    ) -> None:
        self.name = slot.name
        self.percent = slot.percent
        self.shadow = slot.shadow
        self.pools = pools
        self.tally = tally
        self.is_compared = False
        """Whether some of its answers are compared with those of another release."""
        lines = f"{HEADER_RELEASE}: {slot.digest}\r\n{HEADER_SLOT}: {slot.name}\r\n"
        self.identity = lines.encode()
        """The lines of an answer that name its release."""
        self.end = _CANARY if is_canary else END
        """The bytes between the id, the last line of every request, and the body."""

    def pool(self, tried: Collection[str] = ()) -> UpstreamPool | None:
        """Return the pool with the fewest requests, untried ones first; None without a server."""
        if len(self.pools) == 1:
            only = self.pools[0]
            return None if only.failures and only.is_open() else only
        # A server that was tried for this request may be the one that it kills, so others come
        # first.
        able = [pool for pool in self.pools if not pool.is_open()]
        fresh = [pool for pool in able if pool.address not in tried] or able
        return min(fresh, key=lambda pool: (pool.in_flight, pool.sent)) if fresh else None


class TrafficRoute:
    """The destination of the requests for `stage/model`."""

    def __init__(self, key: bytes, point: float) -> None:
        self.key = key
        self.name = key.decode()
        self.served = True
        """Whether the table in force has this route."""
        self.slots: Mapping[str, TrafficSlot] = {}
        self.shadows: tuple[TrafficSlot, ...] = ()
        self.stable: TrafficSlot | None = None
        self.stable_answers_refusals = False
        self.canary_takes_over = True
        self.asked = False
        """Whether a request came since the last report."""
        self._point = point
        self._sticky = Sticky(self.name)
        self._shares: tuple[tuple[float, TrafficSlot], ...] = ()

    @property
    def has_server(self) -> bool:
        """Whether some slot has a server at all."""
        return any(slot.pools for slot in self.slots.values())

    def follow(self, route: Route, slots: Mapping[str, TrafficSlot]) -> None:
        """Apply a changed route: no new request uses the old one."""
        self.served = True
        self.stable_answers_refusals = route.stable_answers_refusals
        self.canary_takes_over = route.canary_takes_over
        self.slots = slots
        self.shadows = tuple(slot for slot in slots.values() if slot.shadow and slot.pools)
        self.stable = slots[route.slots[0].name] if route.slots else None
        for slot in slots.values():
            slot.is_compared = bool(self.shadows) or slot is not self.stable
        live = [slot for slot in route.slots if not slot.shadow]
        self._shares = tuple((upto, slots[name]) for upto, name in shares(live))

    def leave(self) -> None:
        """Retire this route: the table has it no more."""
        self.served = False
        self.slots, self.shadows, self._shares = {}, (), ()
        self.stable = None

    def compared_with(self, answered: TrafficSlot, name: bytes) -> tuple[TrafficSlot, ...]:
        """Return the slots for a copy: shadows, and the stable one for every fourth canary answer.

        The random id decides, so that no rhythm of the callers can. Two answers to one request
        tell the judge more than answers to different requests.
        """
        # 4 of the 16 last digits: every fourth id.
        if self.stable is None or answered is self.stable or name[-1:] not in b"048c":
            return self.shadows
        return (*self.shadows, self.stable)

    def choose(self, subject: bytes | None) -> TrafficSlot | None:
        """Return the slot of a request, whether or not it can answer now."""
        if subject is None:
            self._point = point = rotate(self._point)
        else:
            point = self._sticky.point(subject)
        for upto, slot in self._shares:
            if point < upto:
                return slot
        # Sums of shares may end a little below 1.
        return self._shares[-1][1] if self._shares else None

    def instead(self) -> TrafficSlot | None:
        """Return a slot that can answer now, for a request whose own slot cannot."""
        able = [slot for _, slot in self._shares if slot.pool() is not None]
        if not self.canary_takes_over:
            able = [slot for slot in able if slot is self.stable]
        # The largest share, so that a broken stable release does not move its whole traffic to a
        # small canary while another slot is able.
        return max(able, key=lambda slot: slot.percent) if able else None
