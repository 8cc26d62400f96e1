"""What the gateway answered itself, as counts that the supervisor publishes and the observer reads.

No server saw these requests, so they stand in no record and in no prediction log.
"""

import os
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from goldenpath.errors import InvalidInput
from goldenpath.instruments import REQUEST_DURATION_BOUNDS
from goldenpath.parsers.typed import read_record

FILE = "refusals.json"
"""In the folder of what runs now."""


@dataclass(slots=True)
class RefusedRequests:
    """Answers of one status to requests alike, since the gateway started; durations in seconds."""

    deployment: str
    """`stage/model`; empty if the request came too short to name one that is served."""
    method: str
    scheme: str
    status: int
    buckets: list[int] = field(default_factory=lambda: [0] * (len(REQUEST_DURATION_BOUNDS) + 1))
    """By the bounds of `http.server.request.duration`, each up to and with its bound."""
    total: float = 0.0
    shortest: float = float(2**31)
    longest: float = 0.0

    def add(self, seconds: float) -> None:
        """Counts one answer."""
        self.buckets[bisect_left(REQUEST_DURATION_BOUNDS, seconds)] += 1
        self.total += seconds
        self.shortest, self.longest = min(self.shortest, seconds), max(self.longest, seconds)


def write_refusals(refused: object, path: Path) -> None:
    """Publishes in one step what the gateway told; it describes a moment and needs no fsync."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.new")
    partial.write_bytes(msgspec.json.encode(refused))
    partial.replace(path)


def read_refusals(path: Path) -> Sequence[RefusedRequests]:
    """What was published last; nothing if there is nothing. Raises `InvalidInput`."""
    try:
        found = read_record(path, list[RefusedRequests])
    except FileNotFoundError:
        return ()
    if any(len(each.buckets) != len(REQUEST_DURATION_BOUNDS) + 1 for each in found):
        raise InvalidInput(f"{path} has other bounds of durations than this release")
    return found
