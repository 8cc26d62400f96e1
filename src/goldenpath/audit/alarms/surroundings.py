"""What else changed near the onset of an alarm: deployments, canary steps and new data."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from goldenpath.audit.alarms.notice import NearbyChange
from goldenpath.audit.events.event import Event
from goldenpath.audit.events.event_tail import recent_events
from goldenpath.canonical import JsonValue

NEAR = timedelta(days=7)
"""How long before the onset a change counts as near."""
MOST_CHANGES = 10
_DEPLOYMENTS: Mapping[str, str] = {
    "release.promoted": "promoted into {stage}",
    "rollout.stepped": "canary step in {stage}",
    "rollout.rolled-back": "rolled back in {stage}",
    "rollout.held": "held in {stage}",
    "rollout.resumed": "resumed in {stage}",
    "server.failed": "a server failed in {stage}",
}


def changes_near(
    events: Path, stage: str, model: str, since: datetime, *, until: datetime
) -> tuple[NearbyChange, ...]:
    """Return the newest changes of a model from `NEAR` before `since` to `until`, oldest first.

    A limit of the search is one of the changes, so nobody takes a short list for a whole one.
    """
    found, is_whole = recent_events(events, since - NEAR)
    last = f"{until:%Y-%m-%dT%H:%M:%S.999999Z}"
    mine = [each for each in found if each.model == model and each.time <= last]
    changes = [*_changes(mine, stage)]
    cut = changes[-MOST_CHANGES:]
    if not is_whole or len(cut) < len(changes):
        start = cut[0].time if cut else last
        cut.insert(0, NearbyChange(start, "older changes are in `goldenpath events`", "system"))
    return tuple(cut)


def _changes(events: Sequence[Event], stage: str) -> Iterator[NearbyChange]:
    data: JsonValue = None
    for event in events:
        if event.kind == "release.built":
            new = (event.details or {}).get("data")
            what = "built" if new == data or not new else f"built from new data: {_names(new)}"
            data = new or data
            yield NearbyChange(event.time, what, event.actor, event.digest)
        elif event.kind in _DEPLOYMENTS and event.stage == stage:
            what = _DEPLOYMENTS[event.kind].format(stage=stage)
            yield NearbyChange(event.time, what, event.actor, event.digest)


def _names(data: JsonValue) -> str:
    return ", ".join(map(str, data)) if isinstance(data, list) else str(data)
