"""The intervals in which servers of a release were up, from events."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from goldenpath.audit.events.event import Event


@dataclass(frozen=True, slots=True)
class ServingInterval:
    """One server from ready to its end. `end` is None while it runs."""

    stage: str
    model: str
    digest: str
    replica: str
    start: str
    end: str | None
    ending: str
    """How the server ended, or which evidence there is of its end."""


def intervals(events: Iterable[Event], digest: str) -> tuple[ServingInterval, ...]:
    """Return the servers of the release `digest` (of every release if empty), by start."""
    running: dict[tuple[str, str, str], ServingInterval] = {}
    ended: list[ServingInterval] = []
    last = ""
    for event in events:
        if event.kind in ("platform.started", "platform.stopped"):
            is_orderly = event.kind == "platform.stopped"
            seen = str((event.details or {}).get("seen") or "")
            known = max(last, seen) or "?"
            ending = "the platform stopped" if is_orderly else f"not seen after {known}"
            ended += [replace(each, end=event.time, ending=ending) for each in running.values()]
            running = {}
        elif event.kind.startswith("server.") and (not digest or event.digest == digest):
            replica = str((event.details or {}).get("replica", ""))
            key = (event.stage, event.model, replica or event.digest)
            if event.kind == "server.ready":
                running[key] = ServingInterval(
                    event.stage, event.model, event.digest, replica, event.time, None, "running"
                )
            elif key in running:
                how = "stopped" if event.kind == "server.stopped" else "failed"
                ended.append(replace(running.pop(key), end=event.time, ending=how))
        if event.actor == "system":
            last = event.time
    return tuple(sorted((*ended, *running.values()), key=lambda each: (each.start, each.replica)))
