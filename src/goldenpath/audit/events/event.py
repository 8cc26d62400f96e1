"""The events of the audit log. Each is one line of a hash chain.

Members of `details` that other parts of goldenpath read:

    server.ready, server.stopped, server.failed    replica, slot; the event has stage, model, digest
    content.lost, content.back                     the same; of the model process of a Python model
    route.changed                                  slots: a list of {name, digest, percent};
                                                   empty if nothing is routed any more
    platform.started                               seen: when the previous run was last alive
    platform.stopped                               orderly: all servers had ended before
    platform.alarm                                 what, message
    advisory.raised, advisory.ended                finding, sentence, advisories, severity
    advisory.scanned                               advisories (their digest), count, releases
    advisory.vex                                   finding, statement, reason, until
    incident.opened, incident.reported,            incident, statement, signature
    incident.closed
    log.anchored                                   heads: a list of {stage, model, replica, number,
                                                   digest}, the newest segment of each replica
    inputs.opened                                  purpose, reason; predictions, or seed and count
    sample.drawn                                   seed, head, count
    hold.placed, hold.lifted                       case, reason
    answer.overridden                              prediction, statement, signature
    subject.erased                                 subject_ref, reason, certificate
    release.renewed                                until, finding, reason, statement, commit, branch
    release.promoted, rollout.*                    slots as above, decision, approvers, reason
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeGuard, get_args

from goldenpath.canonical import JsonValue
from goldenpath.errors import InvalidInput

Kind = Literal[
    "release.built",
    "release.promoted",
    "release.refused",
    "release.approved",
    "release.reproduced",
    "release.renewed",
    "release.waived",
    "release.retired",
    "rollout.stepped",
    "rollout.rolled-back",
    "rollout.held",
    "rollout.resumed",
    "admission.refused",
    "server.ready",
    "server.stopped",
    "server.failed",
    "content.lost",
    "content.back",
    "route.changed",
    "drift.alarm",
    "drift.closed",
    "drift.repaired",
    "advisory.raised",
    "advisory.ended",
    "advisory.scanned",
    "advisory.vex",
    "labels.added",
    "answer.overridden",
    "inputs.opened",
    "sample.drawn",
    "hold.placed",
    "hold.lifted",
    "incident.opened",
    "incident.reported",
    "incident.closed",
    "subject.erased",
    "log.anchored",
    "log.expired",
    "registry.pruned",
    "platform.started",
    "platform.stopped",
    "platform.alarm",
]


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `time` is RFC 3339 in UTC with microseconds."""

    time: str
    kind: Kind
    actor: str
    """A person or machine named in `platform.toml`, or `system` for observations."""
    stage: str = ""
    model: str = ""
    digest: str = ""
    commit: str = ""
    """The commit of the gitops repository that caused it."""
    details: Mapping[str, JsonValue] | None = None

    def to_json(self) -> dict[str, JsonValue]:
        """Return the JSON form, without empty members."""
        value: dict[str, JsonValue] = {"time": self.time, "kind": self.kind, "actor": self.actor}
        members = (("stage", self.stage), ("model", self.model), ("digest", self.digest))
        value |= {name: text for name, text in (*members, ("commit", self.commit)) if text}
        if self.details:
            value["details"] = dict(self.details)
        return value

    @classmethod
    def from_json(cls, value: JsonValue) -> "Event":
        """Parse the JSON form. Raises `InvalidInput` if a member is wrong or unknown."""
        if not isinstance(value, dict):
            raise InvalidInput("event is not an object")
        unknown = value.keys() - {
            "time", "kind", "actor", "stage", "model", "digest", "commit", "details",
        }  # fmt: skip
        if unknown:
            raise InvalidInput(f"event has the unknown member {min(unknown)!r}")
        details = value.get("details")
        if details is not None and not isinstance(details, dict):
            raise InvalidInput("event has details that are not an object")
        kind = _text(value, "kind")
        if not _is_kind(kind):
            raise InvalidInput(f"event has the unknown kind {kind!r}")
        return cls(
            time=_text(value, "time"),
            kind=kind,
            actor=_text(value, "actor"),
            stage=_text(value, "stage"),
            model=_text(value, "model"),
            digest=_text(value, "digest"),
            commit=_text(value, "commit"),
            details=details,
        )


def _is_kind(text: str) -> TypeGuard[Kind]:
    return text in get_args(Kind)


def _text(value: dict[str, JsonValue], member: str) -> str:
    text = value.get(member, "")
    if not isinstance(text, str):
        raise InvalidInput(f"event has a {member} that is not a string")
    return text
