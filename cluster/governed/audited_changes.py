"""What the API server's own audit log says about routes, beside what our follower recorded."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RouteChange:
    """One change of a route that the API server stored."""

    at: datetime
    by: str
    name: str
    """Namespace and name."""
    weights: Mapping[str, int]
    """The weight of each backend."""


def route_changes(audit_log: Path) -> list[RouteChange]:
    """Return the changes of weights, the oldest first; no dry run, no status, no repetition."""
    latest: dict[str, Mapping[str, int]] = {}
    changes = []
    for change in _stored(audit_log):
        if latest.get(change.name) != change.weights:
            latest[change.name] = change.weights
            changes.append(change)
    return changes


def _stored(audit_log: Path) -> Iterator[RouteChange]:
    for line in audit_log.read_text("utf-8").splitlines():
        event = json.loads(line)
        place = event.get("objectRef", {})
        is_stored = event.get("responseStatus", {}).get("code") in (200, 201)
        if (
            place.get("resource") != "httproutes"
            or place.get("subresource")
            or "dryRun" in event.get("requestURI", "")
            or not is_stored
            or event.get("verb") == "delete"
        ):
            continue
        item = event["responseObject"]
        backends = [
            each for rule in item["spec"].get("rules", ()) for each in rule.get("backendRefs", ())
        ]
        yield RouteChange(
            datetime.fromisoformat(event["stageTimestamp"]),
            event["user"]["username"],
            f"{item['metadata']['namespace']}/{item['metadata']['name']}",
            {each["name"]: each.get("weight", 1) for each in backends},
        )
