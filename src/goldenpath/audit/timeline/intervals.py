"""When servers of a release were up, as intervals out of events."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from goldenpath.audit.events.event import Event


@dataclass(frozen=True, slots=True)
class ServingInterval:
    """One server from ready to its end. Times as in the events; `end` is None while it runs."""

    stage: str
    model: str
    digest: str
    replica: str
    start: str
    end: str | None
    ending: str
    """How the end is known."""


def intervals(events: Iterable[Event], digest: str) -> tuple[ServingInterval, ...]:
    """The servers of the release `digest` (of every release, if empty), by their start."""
    open_: dict[tuple[str, str, str], ServingInterval] = {}
    done: list[ServingInterval] = []
    last = ""
    for event in events:
        if event.kind in ("platform.started", "platform.stopped"):
            is_orderly = event.kind == "platform.stopped"
            seen = str((event.details or {}).get("seen") or "")
            known = max(last, seen) or "?"
            ending = "the platform stopped" if is_orderly else f"not seen after {known}"
            done += [replace(each, end=event.time, ending=ending) for each in open_.values()]
            open_ = {}
        elif event.kind.startswith("server.") and (not digest or event.digest == digest):
            replica = str((event.details or {}).get("replica", ""))
            key = (event.stage, event.model, replica or event.digest)
            if event.kind == "server.ready":
                open_[key] = ServingInterval(
                    event.stage, event.model, event.digest, replica, event.time, None, "running"
                )
            elif key in open_:
                how = "stopped" if event.kind == "server.stopped" else "failed"
                done.append(replace(open_.pop(key), end=event.time, ending=how))
        if event.actor == "system":
            last = event.time
    return tuple(sorted((*done, *open_.values()), key=lambda each: (each.start, each.replica)))
