"""Counts of the gateway's own answers, which the supervisor publishes and the observer reads.

No model server saw these requests, so they are in no record and no prediction log.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from goldenpath.errors import InvalidInput
from goldenpath.files import publish
from goldenpath.instruments import REQUEST_DURATION_BOUNDS
from goldenpath.parsers.typed import read_record

FILE = "refusals.json"
"""Name of the file in the run folder."""


@dataclass(slots=True)
class RefusedRequests:
    """Answers of one status to similar requests since the gateway started; durations in seconds."""

    deployment: str
    """`stage/model`; empty if the request did not name a served one."""
    method: str
    scheme: str
    status: int
    buckets: list[int] = field(default_factory=lambda: [0] * (len(REQUEST_DURATION_BOUNDS) + 1))
    """By the bounds of `http.server.request.duration`; each bucket includes its bound."""
    total: float = 0.0
    shortest: float = float(2**31)
    longest: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one answer."""
        self.buckets[bisect_left(REQUEST_DURATION_BOUNDS, seconds)] += 1
        self.total += seconds
        self.shortest, self.longest = min(self.shortest, seconds), max(self.longest, seconds)


def write_refusals(refused: object, path: Path) -> None:
    """Publish the gateway's counts atomically; they describe a moment and need no fsync."""
    publish(path, msgspec.json.encode(refused))


def read_refusals(path: Path) -> Sequence[RefusedRequests]:
    """Return what was published last, maybe nothing. Raises `InvalidInput`."""
    try:
        refused = read_record(path, list[RefusedRequests])
    except FileNotFoundError:
        return ()
    if any(len(each.buckets) != len(REQUEST_DURATION_BOUNDS) + 1 for each in refused):
        raise InvalidInput(f"{path} has other duration bounds than this version")
    return refused
