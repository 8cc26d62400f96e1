"""Which slot answers a request: weighted, sticky or forced.

A request has a point in [0, 1). The slots share that interval, canaries first and the stable
release at its end, so that whoever is on a canary stays on it while its share grows.
"""

import hashlib
from collections.abc import Sequence

from goldenpath.reconcile.launch import RouteSlot

GOLDEN_RATIO = 0.6180339887498949
"""Step of the rotation that spreads weighted requests: each prefix of it is nearly even."""


def rotate(point: float) -> float:
    """The point of the next request that no subject holds to a slot.

    A rotation by an irrational step keeps the shares exact to about one request, also for those
    who send in a rhythm: every arithmetic progression of requests is spread evenly as well.
    """
    return (point + GOLDEN_RATIO) % 1.0


def sticky_point(route: str, subject: bytes) -> float:
    """The point of a subject: always the same for one route, unrelated between two routes."""
    salted = hashlib.blake2b(subject, digest_size=8, salt=_salt(route)).digest()
    return int.from_bytes(salted, "big") / 2.0**64


def choose(slots: Sequence[RouteSlot], point: float) -> RouteSlot | None:
    """The slot whose share holds `point`; the first one is stable. None where all have 0 percent.

    The percentages need not add up to 100: the shares are in proportion to them.
    """
    total = sum(slot.percent for slot in slots)
    if total <= 0:
        return None
    reached = 0.0
    for slot in (*slots[1:], slots[0]):
        reached += slot.percent
        if point * total < reached:
            return slot
    return next(slot for slot in slots if slot.percent)


def _salt(route: str) -> bytes:
    return hashlib.blake2b(route.encode(), digest_size=16).digest()
