"""The live releases at a time: intended by git, observed by events, and their mismatches.

Two timelines are kept apart. Commits of the gitops repository show what was intended. Events of
servers and routes show what was observed. A killed process writes no last event. So an interval
ends with an event (certain) or with the last sign of life (uncertain after that).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from goldenpath.audit.events.event import Event
from goldenpath.audit.events.log_state import NEVER_BEGUN, LogStates
from goldenpath.promote.manifests.desired import Slot
from goldenpath.promote.platform.break_glass import BreakGlass

Certainty = Literal["certain", "uncertain", "unknown"]

SWITCHING = timedelta(minutes=2)
"""How long after a commit a difference between git and the servers is no mismatch."""


@dataclass(frozen=True, slots=True)
class Intent:
    """One commit that sets the releases of a model in a stage."""

    time: datetime
    """When the commit came to `main`."""
    stage: str
    model: str
    commit: str
    slots: tuple[Slot, ...]
    """Empty if the commit removes the model from the stage."""
    author: str
    """The name that the commit claims. It proves nothing; the signer does."""
    signer: str
    """The signer as listed in `platform.toml` at that commit. Empty if no listed key signed."""
    decision: str = ""
    """Digest of the decision that the commit message names; empty if no such decision is signed."""
    approved_by: tuple[str, ...] = ()
    """People whose signed approvals the newest release had by then; never from the message."""
    reason: str = ""
    approvals_needed: int = 0
    """The number of approvals that the stage required at that commit."""
    glass: BreakGlass | None = None
    """The break-glass record, as long as no second person confirmed the release."""
    approvals_unknown: str = ""
    """Why it is not known who approved; empty if it is."""
    second: str = ""
    """The person who confirmed the release after a break-glass promotion."""
    time_by: str = "by its author's clock"
    """Whose time it is, in a few words."""
    before: str = ""
    """The stable release of the stage before the newest one entered; empty if there was none."""
    approved_own: tuple[str, ...] = ()
    """People whose approval does not count, because they wrote a part of the change."""


@dataclass(frozen=True, slots=True)
class TrafficShare:
    """One release that could have answered, with its share of the traffic in percent."""

    digest: str
    slot: str
    intended: int | None
    """Its share in git. None if git does not name the release."""
    observed: int | None
    """Its share in the route. None if no route names it."""
    replicas: int
    """The number of its servers that were up."""
    since: datetime | None
    certainty: Certainty
    answers: int | None = None
    """Recorded predictions in the minute around the time. None if they were not counted."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A disagreement between two sources."""

    kind: Literal[
        "live without commit",
        "live without approval",
        "approvals not known",
        "glass broken",
        "commit not signed",
        "intended but not live",
        "share differs",
        "ghost release",
        "answers without server",
        "log damaged",
        "log gone",
    ]
    message: str


@dataclass(frozen=True, slots=True)
class LiveModel:
    """One model in one stage at one time."""

    stage: str
    model: str
    time: datetime
    shares: tuple[TrafficShare, ...]
    """By share, the largest first."""
    intent: Intent | None
    """The commit in force. None if no commit had placed the model by then."""
    certainty: Certainty
    seen_until: datetime | None
    """The last sign of life before the time, if the certainty is not `certain`."""
    mismatches: tuple[Mismatch, ...]
    uses: Mapping[str, int] | None = None
    """Predictions of that minute by business process. None if they were not counted."""


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
    history: Sequence[Intent],
    events: Iterable[Event],
    time: datetime,
    answers: Mapping[tuple[str, str], Mapping[str, int]] | None = None,
    *,
    alive: datetime | None = None,
    approve: Callable[[Intent], Intent] = lambda intent: intent,
    logs: LogStates = NEVER_BEGUN,
) -> tuple[LiveModel, ...]:
    """Return every model that was live at `time`, or should have been, by stage and name.

    `history` is in the order of the commits. `answers` counts recorded predictions in the minute
    around `time`, by stage and model, then digest; None if they were not counted. `alive` is a
    moment at which the platform is known to run without an event, such as now. `approve` adds the
    approvers to a commit in force, as `signed_approvals` does. Each fault of the `logs` is a
    mismatch of every model: what is lost may have been about it.
    """
    known = sorted(events, key=lambda event: event.time)
    names = {(each.stage, each.model) for each in history if each.time <= time}
    names |= {(e.stage, e.model) for e in known if e.kind == "server.ready" and _when(e) <= time}
    models = (
        _one(name, history, known, time, answers=answers, alive=alive, approve=approve)
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
        if live.shares or live.mismatches
    )


def _lost(logs: LogStates) -> Iterable[Mismatch]:
    for state in (logs.events, logs.predictions):
        for fault in state.faults:
            yield Mismatch("log gone" if state.standing == "gone" else "log damaged", fault)


def _one(
    name: tuple[str, str],
    history: Sequence[Intent],
    events: Sequence[Event],
    time: datetime,
    *,
    answers: Mapping[tuple[str, str], Mapping[str, int]] | None,
    alive: datetime | None,
    approve: Callable[[Intent], Intent],
) -> LiveModel:
    stage, model = name
    past = [each for each in history if (each.stage, each.model) == name and each.time <= time]
    past[-1:] = [approve(each) for each in past[-1:]]
    intent = past[-1] if past else None
    observed = _observed(stage, model, events, time, alive=alive)
    counted = None if answers is None else answers.get(name, {})
    shares = _shares(intent, observed, counted)
    return LiveModel(
        stage,
        model,
        time,
        shares,
        intent,
        observed.certainty,
        observed.until,
        tuple(_mismatches(past, shares, time)),
    )


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
        if event.kind in ("platform.started", "platform.stopped"):
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


def _mismatches(
    past: Sequence[Intent], shares: tuple[TrafficShare, ...], time: datetime
) -> Iterable[Mismatch]:
    intent = past[-1] if past else None
    is_switching = intent is not None and time - intent.time <= SWITCHING
    ever_intended = {slot.digest.text for each in past for slot in each.slots}
    # A slot with 0 replicas scales to zero: it may have no server until the next request.
    asleep = {s.digest.text for s in intent.slots if not s.replicas} if intent is not None else ()
    for share in shares:
        short = share.digest[:19]
        if share.digest in asleep and not share.replicas:
            continue
        if share.replicas and share.digest not in ever_intended:
            yield Mismatch("live without commit", f"{short} ran, but no commit had placed it")
        if share.answers and not share.replicas:
            yield Mismatch(
                "ghost release" if share.digest not in ever_intended else "answers without server",
                f"{share.answers} answers are from {short}, but no server of it was observed",
            )
        if is_switching:
            continue
        if share.intended and not share.replicas:
            yield Mismatch("intended but not live", f"no server of {short} was observed")
        elif share.replicas and share.observed is not None and share.observed != share.intended:
            intended = "nothing" if share.intended is None else f"{share.intended} %"
            yield Mismatch("share differs", f"{short} had {share.observed} %: git says {intended}")
    if intent is not None and intent.glass is not None:
        yield Mismatch("glass broken", intent.glass.summary(time))
    if intent is not None and any(share.replicas for share in shares):
        yield from _unauthorised(intent)


def _unauthorised(intent: Intent) -> Iterable[Mismatch]:
    if not intent.signer:
        yield Mismatch(
            "commit not signed", f"no listed key signed the commit {intent.commit[:12]} in force"
        )
    if intent.glass is not None or intent.second:
        return
    if intent.approvals_unknown:
        if intent.approvals_needed:
            yield Mismatch("approvals not known", intent.approvals_unknown)
        return
    approvers = set(intent.approved_by) - {intent.signer}
    if len(approvers) < intent.approvals_needed:
        yield Mismatch(
            "live without approval",
            f"{intent.stage} needs {intent.approvals_needed} approvals by people other than the "
            f"one who promotes: {len(approvers)} are signed for the commit {intent.commit[:12]}",
        )


def _when(event: Event) -> datetime:
    return datetime.fromisoformat(event.time)
