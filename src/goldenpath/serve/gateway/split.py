"""The traffic split: chooses the slot of a request, weighted, sticky or forced.

A request has a point in [0, 1). The slots share that interval, canaries first and the stable
release at its end, so that a subject on a canary stays on it while its share grows.
"""

import hashlib
from collections.abc import Sequence

from goldenpath.processes.launch import RouteSlot

GOLDEN_RATIO = 0.6180339887498949
"""Step of the rotation for weighted requests; every prefix of it is nearly even."""


def rotate(point: float) -> float:
    """Return the point of the next request without a subject.

    A rotation by an irrational step keeps the shares exact to about one request. It does so for
    callers with a rhythm too: every arithmetic progression of requests is spread evenly.
    """
    return (point + GOLDEN_RATIO) % 1.0


class Sticky:
    """The points of subjects: constant for one route, unrelated between two routes."""

    def __init__(self, route: str) -> None:
        salt = hashlib.blake2b(route.encode(), digest_size=16).digest()
        self._begun = hashlib.blake2b(digest_size=8, salt=salt)

    def point(self, subject: bytes) -> float:
        """Return the point of one subject, in [0, 1)."""
        salted = self._begun.copy()
        salted.update(subject)
        return int.from_bytes(salted.digest(), "big") / 2.0**64


def shares(slots: Sequence[RouteSlot]) -> tuple[tuple[float, str], ...]:
    """Return the rising upper bounds of the slots in [0, 1); the first slot, stable, comes last.

    The percentages need not add up to 100: the shares are in proportion to them. Slots with 0
    percent have no part; the result is empty if every slot has 0 percent.
    """
    total = sum(slot.percent for slot in slots)
    reached, parts = 0, []
    for slot in (*slots[1:], *slots[:1]):
        reached += slot.percent
        if slot.percent:
            parts.append((reached / total, slot.name))
    return tuple(parts)
