"""The number of servers that the traffic of each deployment needs, zero included.

The rule is Knative's: enough servers that none exceeds its target of concurrent requests. More
are started at once; fewer only after a window without that many.
"""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from goldenpath.canonical import JsonValue
from goldenpath.deploy.reconcile.target import ColdStarts
from goldenpath.promote.manifests.desired import Deployment

REMEMBERED = 1000
"""Number of recent cold starts from which quantiles are taken."""


@dataclass(slots=True)
class _Level:
    servers: int
    busy_since: float
    """When this number was needed last."""
    peak: int = 0
    """The largest number needed since then."""
    waking: bool = False
    starts: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    """How long the first request of each cold start waited, in seconds."""
    wakes: int = 0


class TrafficDemand:
    """Turns requests in flight into numbers of servers. `now` is in monotonic seconds."""

    def __init__(self) -> None:
        self._levels: dict[str, _Level] = {}

    def begin(self, deployment: Deployment, now: float) -> None:
        """Begin a new or changed deployment: each release must become ready once."""
        least = max(deployment.slots[0].replicas, 1)
        level = self._levels.setdefault(deployment.name, _Level(least, now))
        level.servers, level.busy_since = max(level.servers, least), now

    def forget(self, name: str) -> None:
        """Forget a deployment that is gone."""
        self._levels.pop(name, None)

    def servers(self, deployment: Deployment) -> int:
        """Return the number of servers of the stable release; 0 means scaled to zero."""
        level = self._levels[deployment.name]
        least, most = _bounds(deployment)
        if deployment.slots[0].replicas == 0 and level.servers == 0 and _may_sleep(deployment):
            return 0
        return min(max(level.servers, least), most)

    def hear(
        self, busy: Mapping[str, JsonValue], desired: Mapping[str, Deployment], now: float
    ) -> None:
        """Take over requests in flight per deployment; each one named had at least one request."""
        for name, concurrency in busy.items():
            level, deployment = self._levels.get(name), desired.get(name)
            if level is None or deployment is None or not isinstance(concurrency, int | float):
                continue
            needed = max(math.ceil(concurrency / deployment.scaling.target), 1)
            if level.servers == 0:
                level.waking = True
            if needed >= level.servers:
                level.servers = min(needed, _bounds(deployment)[1])
                level.busy_since, level.peak = now, 0
            else:
                level.peak = max(level.peak, needed)

    def woke(self, name: str, seconds: float) -> None:
        """Record a cold start: how long the first request waited, in seconds."""
        level = self._levels.get(name)
        if level is not None and level.waking:
            level.waking = False
            level.wakes += 1
            level.starts.append(seconds)

    def ease(self, deployment: Deployment, now: float, *, is_ready: bool) -> None:
        """Scale down after the idle window, which does not run while servers start."""
        level = self._levels[deployment.name]
        if not is_ready:
            level.busy_since = now
        least = deployment.slots[0].replicas if _may_sleep(deployment) else 1
        if level.servers > least and now - level.busy_since >= deployment.scaling.idle:
            level.servers, level.busy_since, level.peak = max(level.peak, least), now, 0

    def cold_starts(self, name: str) -> ColdStarts | None:
        """Return the cold starts of a deployment; None if there were none."""
        level = self._levels.get(name)
        if level is None or not level.starts:
            return None
        ordered = sorted(level.starts)
        return ColdStarts(level.wakes, _quantile(ordered, 0.5), _quantile(ordered, 0.99))


def _bounds(deployment: Deployment) -> tuple[int, int]:
    least = max(deployment.slots[0].replicas, 1)
    return least, max(deployment.scaling.most, least)


def _may_sleep(deployment: Deployment) -> bool:
    """A canary that is to have a server keeps the stable release awake as well."""
    return all(slot.replicas == 0 for slot in deployment.slots)


def _quantile(ordered: list[float], share: float) -> float:
    """Return the smallest value that at least `share` of all values do not exceed."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]
