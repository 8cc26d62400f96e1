"""Counts of the observer since the traffic split of a deployment last changed."""

from collections.abc import Mapping

from goldenpath.canonical import JsonValue

Counts = dict[str, tuple[int, int]]
"""Hits and total by name."""


class CountWindow:
    """Counts per `stage/model/slot`. A canary and its stable release are judged on one window."""

    def __init__(self) -> None:
        self._seen: dict[str, Counts] = {}
        self._begun: dict[str, Counts] = {}

    def hear(self, message: Mapping[str, JsonValue]) -> None:
        """Take over the cumulative counts of an event `answers`."""
        key = f"{message.get('deployment')}/{message.get('slot')}"
        reported = message.get("counts")
        counts: Counts = {}
        for name, share in reported.items() if isinstance(reported, dict) else ():
            match share:
                case [int(hits), int(total)]:
                    counts[name] = (hits, total)
        before = self._begun.get(key, {})
        if any(counts.get(name, (0, 0))[1] < total for name, (_, total) in before.items()):
            self._begun.pop(key)  # the observer was restarted and counts from zero
        self._seen[key] = counts

    def begin(self, deployment: str) -> None:
        """Begin a new window for a deployment."""
        for key, counts in self._seen.items():
            if key.rpartition("/")[0] == deployment:
                self._begun[key] = counts

    def counts(self, deployment: str) -> dict[str, Counts]:
        """Return the counts of this window, by `stage/model/slot`."""
        differences = {}
        for key, counts in self._seen.items():
            if key.rpartition("/")[0] == deployment:
                before = self._begun.get(key, {})
                differences[key] = {name: _less(n, before.get(name)) for name, n in counts.items()}
        return differences


def _less(now: tuple[int, int], before: tuple[int, int] | None) -> tuple[int, int]:
    return now if before is None else (now[0] - before[0], now[1] - before[1])
