"""What the supervising process observed, as events of the audit log."""

from dataclasses import asdict
from datetime import datetime

from goldenpath.audit.events.event import Event, Kind
from goldenpath.canonical import JsonValue
from goldenpath.deploy.machine.machine import (
    Alarm,
    Anchored,
    Expired,
    Observation,
    Platformed,
    Warned,
)
from goldenpath.deploy.machine.routing import RouteChanged
from goldenpath.deploy.machine.server_process import ServerEvent
from goldenpath.deploy.reconcile.verdicts import RefusedRelease
from goldenpath.digest import Digest
from goldenpath.processes.child import Message
from goldenpath.promote.acts.intents import StageChange
from goldenpath.promote.workspace.workspace import Outcome
from goldenpath.times import timestamp

_HEAD = ("stage", "model", "replica", "number", "digest")


def event_of(what: Observation, time: datetime, commit: str) -> Event:
    """The event of one observation, made by nobody but the system."""
    when = timestamp(time)
    match what:
        case ServerEvent(kind, launch, message):
            details: dict[str, JsonValue] = {"slot": launch.slot, "replica": launch.replica}
            if message:
                details["message"] = message
            return Event(
                when, kind, "system", launch.stage, launch.model, launch.digest, commit, details
            )
        case RouteChanged(stage, model, slots):
            weights: list[JsonValue] = [
                {"name": each.name, "digest": each.digest, "percent": each.percent}
                for each in slots
            ]
            return Event(
                when, "route.changed", "system", stage, model, "", commit, {"slots": weights}
            )
        case RefusedRelease(stage, model, digest, asked, findings):
            found: list[JsonValue] = [dict(asdict(finding)) for finding in findings]
            return Event(
                when, "admission.refused", "system", stage, model, str(digest), asked,
                {"findings": found},
            )  # fmt: skip
        case Platformed(kind, process, seen):
            facts: dict[str, JsonValue] = {"process": process, "orderly": True}
            if seen:
                facts["seen"] = timestamp(datetime.fromisoformat(seen))
            return Event(when, kind, "system", commit=commit, details=facts)
        case Warned(name, kind_of_alarm, words):
            stage, _, model = name.partition("/")
            return Event(
                when, "platform.alarm", "system", stage, model, "", commit,
                {"what": kind_of_alarm, "message": words},
            )  # fmt: skip
        case Anchored(heads):
            newest: list[JsonValue] = [{name: head.get(name) for name in _HEAD} for head in heads]
            return Event(when, "log.anchored", "system", commit=commit, details={"heads": newest})
        case Alarm(message) | Expired(message):
            told: Kind = "drift.alarm" if isinstance(what, Alarm) else "log.expired"
            return _told(told, message, when, commit)


def _told(kind: Kind, message: Message, when: str, commit: str) -> Event:
    """What the observer said, with what it is about where events have it."""
    named = {name: message.get(name) for name in ("stage", "model", "digest")}
    stage, model, release = (str(value or "") for value in named.values())
    rest = {name: value for name, value in message.items() if name not in named}
    return Event(when, kind, "system", stage, model, release, commit, rest)


def moved_event(
    kind: Kind, actor: str, digest: Digest, done: Outcome[StageChange], *, time: datetime
) -> Event:
    """The event of a canary step, or a step back, that this machine committed."""
    deployment = done.intent.deployment
    slots: list[JsonValue] = [
        {"name": slot.name, "digest": slot.digest.text, "percent": slot.percent}
        for slot in deployment.slots
    ]
    return Event(
        time=timestamp(time),
        kind=kind,
        actor=actor,
        stage=deployment.stage,
        model=deployment.model,
        digest=digest.text,
        commit=done.commit,
        details={"slots": slots, "approvers": [], "reason": done.reason},
    )
