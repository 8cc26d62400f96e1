"""The live releases at a time: intended by git, observed by events, and their mismatches.

Two timelines are kept apart. Commits of the gitops repository show what was intended. Events of
servers and routes show what was observed. A killed process writes no last event. So an interval
ends with an event (certain) or with the last sign of life (uncertain after that).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from goldenpath.audit.events.event import Event
from goldenpath.audit.events.log_state import NEVER_BEGUN, LogStates
from goldenpath.audit.timeline.intervals import ServingInterval, intervals
from goldenpath.audit.timeline.live_model import (
    Certainty,
    Intent,
    Intents,
    LiveModel,
    Mismatch,
    Past,
    RecordedIntents,
    TrafficShare,
)
from goldenpath.audit.timeline.mismatches import mismatches, transition

LATE = timedelta(seconds=2)
"""How much later an event may be than what it observes."""

_RUNS = ("platform.started", "platform.stopped")
Name = tuple[str, str]
"""Stage and model."""
Spans = Mapping[Name, Mapping[str, tuple[datetime, datetime]]]
"""By stage and model, then digest: the first and the last answer that were counted."""


@dataclass(frozen=True, slots=True)
class _Answers:
    """Recorded predictions: their counts, None if not counted, and when they were given."""

    counts: Mapping[Name, Mapping[str, int]] | None
    spans: Spans


@dataclass(frozen=True, slots=True)
class _Server:
    digest: str
    slot: str
    since: datetime
    certainty: Certainty


@dataclass(frozen=True, slots=True)
class _Observed:
    """The observed state of one model in one stage, from events."""

    servers: tuple[_Server, ...]
    route: Mapping[str, tuple[str, int]]
    """Slot and percent by digest."""
    certainty: Certainty
    until: datetime | None


def live_at(
    history: Sequence[Intent] | Intents,
    events: Iterable[Event],
    time: datetime,
    answers: Mapping[tuple[str, str], Mapping[str, int]] | None = None,
    *,
    alive: datetime | None = None,
    approve: Callable[[Intent], Intent] = lambda intent: intent,
    logs: LogStates = NEVER_BEGUN,
    spans: Spans | None = None,
) -> tuple[LiveModel, ...]:
    """Return every model that was live at `time`, or should have been, by stage and name.

    `history` is in the order of the commits, or reads them as far as needed. `answers` counts
    recorded predictions in the minute around `time`, by stage and model, then digest; None if they
    were not counted. `alive` is a moment at which the platform is known to run without an event,
    such as now. `approve` adds the approvers to a commit in force, as `signed_approvals` does. Each
    fault of the `logs` is a mismatch of every model: what is lost may have been about it. `spans`
    says when the first and the last of these answers was given, so that answers are compared with
    servers of that time.
    """
    known = sorted(events, key=lambda event: event.time)
    intents = RecordedIntents(history) if isinstance(history, Sequence) else history
    pasts = {place: Past(intents.newest_first(place, time)) for place in intents.places()}
    names = {place for place, past in pasts.items() if past.in_force is not None}
    names |= {(e.stage, e.model) for e in known if e.kind == "server.ready" and _when(e) <= time}
    names |= {name for name, counts in (answers or {}).items() if any(counts.values())}
    counted = _Answers(answers, spans or {})
    models = (
        _one(
            name,
            pasts.get(name, Past(iter(()))),
            known,
            time,
            answers=counted,
            alive=alive,
            approve=approve,
        )
        for name in sorted(names)
    )
    faults = tuple(_lost(logs))
    return tuple(
        replace(
            live,
            mismatches=(*live.mismatches, *faults),
            certainty="unknown" if logs.events.faults else live.certainty,
        )
        for live in models
        if live.shares or live.mismatches or _is_retired(live.intent)
    )


def mismatches_at(
    history: Sequence[Intent], events: Iterable[Event], moments: Sequence[tuple[Name, datetime]]
) -> list[tuple[Mismatch, ...]]:
    """Return the mismatches of one deployment each at many moments, as `live_at` gives them.

    The events are read once for all of them. Answers and the state of the logs are left out.
    """
    known, intents, position = sorted(events, key=lambda e: e.time), RecordedIntents(history), 0
    servers: dict[Name, dict[str, _Server]] = {}
    routes: dict[Name, dict[str, tuple[str, int]]] = {}
    answers: dict[int, tuple[Mismatch, ...]] = {}
    for number in sorted(range(len(moments)), key=lambda number: moments[number][1]):
        name, time = moments[number]
        while position < len(known) and (when := _when(known[position])) <= time:
            event, position = known[position], position + 1
            if event.kind in _RUNS:
                servers, routes = {}, {}
                continue
            place = (event.stage, event.model)
            _apply(event, when, servers.setdefault(place, {}), routes.setdefault(place, {}))
        past = intents.past(name, time)
        up = tuple(servers.get(name, {}).values())
        shares = _shares(past.in_force, _Observed(up, routes.get(name, {}), "certain", None), None)
        found = mismatches(past.in_force, past, shares, time, served=frozenset())
        answers[number] = tuple(found)
    return [answers[number] for number in range(len(moments))]


def _is_retired(intent: Intent | None) -> bool:
    return intent is not None and intent.absence == "retired"


def _lost(logs: LogStates) -> Iterable[Mismatch]:
    for state in (logs.events, logs.predictions):
        for fault in state.faults:
            yield Mismatch("log gone" if state.standing == "gone" else "log damaged", fault)


def _one(
    name: Name,
    past: Past,
    events: Sequence[Event],
    time: datetime,
    *,
    answers: _Answers,
    alive: datetime | None,
    approve: Callable[[Intent], Intent],
) -> LiveModel:
    stage, model = name
    intent = None if past.in_force is None else approve(past.in_force)
    observed = _observed(stage, model, events, time, alive=alive)
    counted = None if answers.counts is None else answers.counts.get(name, {})
    shares = _shares(intent, observed, counted)
    served = _served(name, events, answers.spans.get(name, {}), time)
    return LiveModel(
        stage,
        model,
        time,
        shares,
        intent,
        observed.certainty,
        observed.until,
        tuple(mismatches(intent, past, shares, time, served=served)),
        transition=transition(intent, shares, time),
    )


def _served(
    name: Name,
    events: Sequence[Event],
    spans: Mapping[str, tuple[datetime, datetime]],
    time: datetime,
) -> frozenset[str]:
    """Return the releases whose answers were given while a server of theirs was up."""
    known = [each for each in intervals(events, "") if (each.stage, each.model) == name]
    return frozenset(
        digest
        for digest, span in {**{each.digest: (time, time) for each in known}, **spans}.items()
        if all(any(_covers(each, digest, answer) for each in known) for answer in span)
    )


def _covers(server: ServingInterval, digest: str, answer: datetime) -> bool:
    begin = datetime.fromisoformat(server.start) - LATE
    end = None if server.end is None else datetime.fromisoformat(server.end) + LATE
    return server.digest == digest and begin <= answer and (end is None or answer <= end)


def _observed(
    stage: str, model: str, events: Sequence[Event], time: datetime, *, alive: datetime | None
) -> _Observed:
    servers: dict[str, _Server] = {}
    route: dict[str, tuple[str, int]] = {}
    last_sign: datetime | None = None
    for event in events:
        when = _when(event)
        if when > time:
            break
        if event.kind in _RUNS:
            # Servers are children of the platform: no server outlives its run.
            servers, route = {}, {}
        elif (event.stage, event.model) == (stage, model):
            _apply(event, when, servers, route)
        if _is_sign_of_life(event):
            last_sign = when
    if not servers:
        return _Observed((), route, "certain", None)
    next_sign, seen = _next_sign(events, time, alive)
    if next_sign or last_sign == time:
        return _Observed(tuple(servers.values()), route, "certain", None)
    doubtful = tuple(replace(server, certainty="uncertain") for server in servers.values())
    signs = [sign for sign in (last_sign, seen) if sign is not None]
    return _Observed(doubtful, route, "uncertain", max(signs, default=None))


def _next_sign(
    events: Sequence[Event], time: datetime, alive: datetime | None
) -> tuple[bool, datetime | None]:
    """Return whether the same run was seen alive after `time`, and its last known sign of life.

    The start event of a run records when the previous run was last alive, so that a crash does
    not hide it.
    """
    for event in events:
        if _when(event) > time and _is_sign_of_life(event):
            seen = (event.details or {}).get("seen")
            if event.kind != "platform.started" or not isinstance(seen, str):
                return event.kind != "platform.started", None
            last = datetime.fromisoformat(seen)
            return last >= time, last
    return alive is not None and alive >= time, None


def _is_sign_of_life(event: Event) -> bool:
    return event.actor == "system" or event.kind.startswith("platform.")


def _apply(
    event: Event,
    when: datetime,
    servers: dict[str, _Server],
    route: dict[str, tuple[str, int]],
) -> None:
    details = event.details or {}
    replica = str(details.get("replica") or details.get("slot") or event.digest)
    match event.kind:
        case "server.ready":
            slot = str(details.get("slot", ""))
            servers[replica] = _Server(event.digest, slot, when, "certain")
        case "server.stopped" | "server.failed":
            servers.pop(replica, None)
        case "route.changed":
            route.clear()
            route.update(_slots(event))


def _slots(event: Event) -> dict[str, tuple[str, int]]:
    slots = (event.details or {}).get("slots")
    shares: dict[str, tuple[str, int]] = {}
    for slot in slots if isinstance(slots, list) else []:
        if isinstance(slot, dict) and isinstance(slot.get("percent"), int | float):
            percent = int(float(str(slot["percent"])))
            shares[str(slot.get("digest", ""))] = (str(slot.get("name", "")), percent)
    return shares


def _shares(
    intent: Intent | None, observed: _Observed, answers: Mapping[str, int] | None
) -> tuple[TrafficShare, ...]:
    intended = {slot.digest.text: slot for slot in intent.slots} if intent else {}
    digests = intended.keys() | {s.digest for s in observed.servers} | observed.route.keys()
    digests |= (answers or {}).keys()
    shares = []
    for digest in digests:
        up = [server for server in observed.servers if server.digest == digest]
        routed = observed.route.get(digest)
        slot = intended.get(digest)
        name = slot.name if slot else routed[0] if routed else up[0].slot if up else ""
        shares.append(
            TrafficShare(
                digest=digest,
                slot=name,
                intended=slot.percent if slot else None,
                observed=routed[1] if routed else None,
                replicas=len(up),
                since=min((server.since for server in up), default=None),
                certainty=observed.certainty
                if up
                else "certain"
                if observed.until is None
                else "unknown",
                answers=None if answers is None else answers.get(digest, 0),
            )
        )
    return tuple(sorted(shares, key=lambda s: (-(s.observed or 0), -(s.intended or 0), s.digest)))


def _when(event: Event) -> datetime:
    return datetime.fromisoformat(event.time)
