"""Human oversight as practised: second looks, and each stop with the seconds until it had effect.

A stop is a commit that takes a release away: a rollback, a retirement, a removal, a stopped
deployment. Its effect is the first event after it in which the release has no traffic any more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from goldenpath.audit.answers.oversight_counts import Name, OversightCounts
from goldenpath.audit.events.event import Event
from goldenpath.audit.timeline.live_model import Intent
from goldenpath.canonical import JsonValue

STOPS = ("rollback", "retire")
"""Actions of commits that take a release away; a commit that places none is a stop as well."""
SKEW = timedelta(seconds=2)
"""How much earlier than its commit an effect may seem, since commits have whole seconds."""
BEYOND = (
    "whether people followed an answer for which no override was posted: goldenpath keeps no other "
    "decisions of case workers",
    "second looks that the caller did not name: the mode is what caller or policy said",
)


@dataclass(frozen=True, slots=True)
class StopDrill:
    """One stop, and how long it took to have effect."""

    stage: str
    model: str
    commit: str
    action: str
    by: str
    """Who signed the commit; empty if no listed key did."""
    reason: str
    time: datetime
    """When the commit came."""
    release: str
    """The release that it took away."""
    effect_at: datetime | None
    seconds: float | None
    """From the commit to its effect; None if that was not observed."""
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class OverseenModel:
    """One model in one stage: who oversaw its answers."""

    stage: str
    model: str
    answers: Mapping[str, int]
    """By mode and who named it."""
    second_looks: int
    """Answers that go to a person."""
    share: float | None
    """Of second looks among the answers whose mode is recorded; None without any."""
    fallback: int


@dataclass(frozen=True, slots=True)
class OversightRegister:
    """Oversight of a period."""

    since: datetime
    until: datetime
    models: tuple[OverseenModel, ...]
    stops: tuple[StopDrill, ...]
    """The newest first."""
    overrides: str
    """The rate of overrides, or that it is not known."""
    unknown: tuple[str, ...]


def overseen(counts: OversightCounts) -> tuple[OverseenModel, ...]:
    """Return every model with answers in the period."""
    return tuple(_overseen(name, counts) for name in sorted(counts.by_mode))


def _overseen(name: Name, counts: OversightCounts) -> OverseenModel:
    answers = counts.by_mode[name]
    known = sum(count for mode, count in answers.items() if mode != "not recorded")
    looks = sum(count for mode, count in answers.items() if mode.startswith("human-in-loop"))
    share = looks / known if known else None
    return OverseenModel(*name, dict(answers), looks, share, counts.fallback[name])


def stops(
    history: Sequence[Intent], events: Sequence[Event], since: datetime, until: datetime
) -> tuple[StopDrill, ...]:
    """Return every stop of the period, the newest first. `history` begins with the platform."""
    drills: list[StopDrill] = []
    last: dict[Name, Intent] = {}
    for place, intent in enumerate(history):
        name = (intent.stage, intent.model)
        before = last.get(name)
        last[name] = intent
        is_stop = intent.action in STOPS or bool(intent.absence)
        if before is None or not is_stop or not since <= intent.time <= until:
            continue
        later = (each for each in history[place + 1 :] if (each.stage, each.model) == name)
        end = min((each.time for each in later), default=until)
        drills += _drills(before, intent, events, min(end, until))
    return tuple(reversed(drills))


def _drills(
    before: Intent, intent: Intent, events: Sequence[Event], end: datetime
) -> Sequence[StopDrill]:
    kept = {slot.digest for slot in intent.slots if slot.percent}
    taken = [slot.digest.text for slot in before.slots if slot.percent and slot.digest not in kept]
    return [_drill(release, intent, events, end) for release in taken]


def _drill(release: str, intent: Intent, events: Sequence[Event], end: datetime) -> StopDrill:
    effect = next(
        (
            time
            for event in events
            if (event.stage, event.model) == (intent.stage, intent.model)
            and _has_no_traffic(event, release)
            and intent.time - SKEW <= (time := datetime.fromisoformat(event.time)) <= end
        ),
        None,
    )
    seconds = None if effect is None else max(0.0, (effect - intent.time).total_seconds())
    return StopDrill(
        intent.stage,
        intent.model,
        intent.commit,
        intent.absence or intent.action,
        intent.signer,
        intent.reason,
        intent.time,
        release,
        effect,
        seconds,
        "" if effect else "no event of this machine says when it lost its traffic",
    )


def _has_no_traffic(event: Event, release: str) -> bool:
    if event.kind != "route.changed":
        return False
    slots = (event.details or {}).get("slots")
    return isinstance(slots, list) and not any(_routes(slot, release) for slot in slots)


def _routes(slot: JsonValue, release: str) -> bool:
    return isinstance(slot, dict) and slot.get("digest") == release and bool(slot.get("percent"))
