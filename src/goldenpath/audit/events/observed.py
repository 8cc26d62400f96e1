"""Observations of the supervisor, converted to events of the audit log."""

from dataclasses import asdict
from datetime import datetime

from goldenpath.audit.events.event import Event, Kind
from goldenpath.canonical import JsonValue
from goldenpath.deploy.machine.observations import (
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


def event_of(observation: Observation, time: datetime, commit: str) -> Event:
    """Return the event of one observation. Its actor is always `system`."""
    when = timestamp(time)
    match observation:
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
        case RefusedRelease(stage, model, digest, cause, findings):
            refused: list[JsonValue] = [dict(asdict(finding)) for finding in findings]
            return Event(
                when, "admission.refused", "system", stage, model, str(digest), cause,
                {"findings": refused},
            )  # fmt: skip
        case Platformed(kind, process, seen):
            facts: dict[str, JsonValue] = {"process": process, "orderly": True}
            if seen:
                facts["seen"] = timestamp(datetime.fromisoformat(seen))
            return Event(when, kind, "system", commit=commit, details=facts)
        case Warned(name, kind_of_alarm, text):
            stage, _, model = name.partition("/")
            return Event(
                when, "platform.alarm", "system", stage, model, "", commit,
                {"what": kind_of_alarm, "message": text},
            )  # fmt: skip
        case Anchored(heads):
            newest: list[JsonValue] = [{name: head.get(name) for name in _HEAD} for head in heads]
            return Event(when, "log.anchored", "system", commit=commit, details={"heads": newest})
        case Alarm(message) | Expired(message):
            kind_of_event = _kind_of(message) if isinstance(observation, Alarm) else "log.expired"
            return _observer_event(kind_of_event, message, when, commit)


def _kind_of(message: Message) -> Kind:
    return "drift.repaired" if message.get("event") == "repaired" else "drift.alarm"


def _observer_event(kind: Kind, message: Message, when: str, commit: str) -> Event:
    """Return the event of a message from the observer.

    Stage, model and digest become members of the event; the rest becomes its details.
    """
    named = {name: message.get(name) for name in ("stage", "model", "digest")}
    stage, model, release = (str(value or "") for value in named.values())
    rest = {name: value for name, value in message.items() if name not in named}
    return Event(when, kind, "system", stage, model, release, commit, rest)


def moved_event(
    kind: Kind, actor: str, digest: Digest, outcome: Outcome[StageChange], *, time: datetime
) -> Event:
    """Return the event of a canary step or rollback that this machine committed."""
    deployment = outcome.intent.deployment
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
        commit=outcome.commit,
        details={"slots": slots, "approvers": [], "reason": outcome.reason},
    )
