"""Which slot answers a request: weighted, sticky or forced.

A request has a point in [0, 1). The slots share that interval, canaries first and the stable
release at its end, so that whoever is on a canary stays on it while its share grows.
"""

import hashlib
from collections.abc import Sequence

from goldenpath.processes.launch import RouteSlot

GOLDEN_RATIO = 0.6180339887498949
"""Step of the rotation that spreads weighted requests: each prefix of it is nearly even."""


def rotate(point: float) -> float:
    """The point of the next request that no subject holds to a slot.

    A rotation by an irrational step keeps the shares exact to about one request, also for those
    who send in a rhythm: every arithmetic progression of requests is spread evenly as well.
    """
    return (point + GOLDEN_RATIO) % 1.0


class Sticky:
    """The points of subjects: always the same for one route, unrelated between two routes."""

    def __init__(self, route: str) -> None:
        salt = hashlib.blake2b(route.encode(), digest_size=16).digest()
        self._begun = hashlib.blake2b(digest_size=8, salt=salt)

    def point(self, subject: bytes) -> float:
        """The point of one subject, in [0, 1)."""
        salted = self._begun.copy()
        salted.update(subject)
        return int.from_bytes(salted.digest(), "big") / 2.0**64


def shares(slots: Sequence[RouteSlot]) -> tuple[tuple[float, str], ...]:
    """The upper bound of each slot's part of [0, 1), rising; the first slot is stable and last.

    The percentages need not add up to 100: the shares are in proportion to them. Slots with 0
    percent have no part; empty where all have none.
    """
    total = sum(slot.percent for slot in slots)
    reached, found = 0, []
    for slot in (*slots[1:], *slots[:1]):
        reached += slot.percent
        if slot.percent:
            found.append((reached / total, slot.name))
    return tuple(found)
