"""Events: what happened, who did it, to what. One line each in a chain of hashes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from goldenpath.canonical import JsonValue

Kind = Literal[
    "release.built",
    "release.promoted",
    "release.refused",
    "release.approved",
    "rollout.stepped",
    "rollout.rolled-back",
    "admission.refused",
    "server.ready",
    "server.stopped",
    "server.failed",
    "route.changed",
    "drift.alarm",
    "drift.closed",
    "platform.started",
    "platform.stopped",
]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `time` is RFC 3339 in UTC with microseconds."""

    time: str
    kind: Kind
    actor: str
    """A person or machine as `platform.toml` names them, or `system` for what is observed."""
    stage: str = ""
    model: str = ""
    digest: str = ""
    commit: str = ""
    """Commit of the gitops repository that asked for it."""
    details: Mapping[str, JsonValue] | None = None
