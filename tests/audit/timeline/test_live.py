"""What was live at a time, from commits and events."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from goldenpath.audit.events.event import Event, Kind
from goldenpath.audit.timeline.live import live_at
from goldenpath.audit.timeline.live_model import Intent, LiveModel
from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.promote.manifests.desired import Slot, slot_name

OLD, NEW = Digest("sha256:" + "a" * 64), Digest("sha256:" + "b" * 64)
START = datetime(2026, 1, 14, 14, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def event(minutes: float, kind: Kind, digest: Digest | None = None, **details: JsonValue) -> Event:
    time = at(minutes).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if digest is None and kind.startswith("platform"):
        return Event(time, kind, "system")
    text = digest.text if digest else ""
    return Event(time, kind, "system", "prod", "credit", text, details=details)


def ready(minutes: float, digest: Digest, replica: str = "r1") -> Event:
    return event(minutes, "server.ready", digest, replica=replica, slot=slot_name(digest))


def stopped(minutes: float, digest: Digest, replica: str = "r1") -> Event:
    return event(minutes, "server.stopped", digest, replica=replica)


def route(minutes: float, **shares: int) -> Event:
    digests = {"old": OLD, "new": NEW}
    slots: list[JsonValue] = [
        {"name": slot_name(digests[name]), "digest": digests[name].text, "percent": percent}
        for name, percent in shares.items()
    ]
    return event(minutes, "route.changed", slots=slots)


def intent(minutes: float, *slots: tuple[Digest, int], signer: str = "platform-engineer") -> Intent:
    return Intent(
        time=at(minutes),
        stage="prod",
        model="credit",
        commit=f"{int(minutes):040d}",
        slots=tuple(Slot(slot_name(digest), digest, percent) for digest, percent in slots),
        author="platform-engineer",
        signer=signer,
        approved_by=("validator", "risk-manager"),
        approvals_needed=2,
    )


HISTORY = [intent(0, (OLD, 100)), intent(60, (OLD, 90), (NEW, 10)), intent(120, (NEW, 100))]
EVENTS = [
    event(-1, "platform.started"),
    ready(1, OLD),
    route(1.1, old=100),
    ready(61, NEW, "r2"),
    route(61.1, old=90, new=10),
    route(121, new=100),
    stopped(121.5, OLD),
    event(200, "platform.stopped"),
]


def one(minutes: float, history: list[Intent] = HISTORY, events: list[Event] = EVENTS) -> LiveModel:
    (live,) = live_at(history, events, at(minutes))
    return live


def kinds(live: LiveModel) -> list[str]:
    return [mismatch.kind for mismatch in live.mismatches]


def test_one_release_was_live_with_everything() -> None:
    live = one(30)

    assert [(s.digest, s.observed, s.intended, s.replicas) for s in live.shares] == [
        (OLD.text, 100, 100, 1)
    ]
    assert live.certainty == "certain"
    assert live.intent is not None
    assert live.intent.commit == HISTORY[0].commit
    assert live.mismatches == ()


def test_a_canary_makes_the_answer_a_set_with_shares() -> None:
    live = one(100)

    assert [(s.digest, s.observed) for s in live.shares] == [(OLD.text, 90), (NEW.text, 10)]
    assert live.shares[1].since == at(61)
    assert live.mismatches == ()


def test_both_releases_run_while_one_drains() -> None:
    live = one(121.2)

    assert {s.digest: s.replicas for s in live.shares} == {OLD.text: 1, NEW.text: 1}
    assert {s.digest: s.observed for s in live.shares} == {OLD.text: None, NEW.text: 100}
    assert kinds(live) == []


def test_nothing_was_live_before_the_first_commit() -> None:
    assert live_at(HISTORY, EVENTS, at(-10)) == ()


def test_a_stopped_platform_ran_nothing_though_git_wanted_it() -> None:
    live = one(300)

    assert kinds(live) == ["intended but not live"]
    assert live.shares[0].replicas == 0


def test_a_crash_without_a_last_event_is_uncertain_until_the_restart() -> None:
    events = [*EVENTS[:5], event(110, "platform.started"), ready(111, OLD), route(111.1, old=90)]

    before, between, after = one(61.05, events=events), one(105, events=events), one(110.5)
    restarted = one(110.5, events=events)

    assert before.certainty == "certain"
    assert between.certainty == "uncertain"
    assert between.seen_until == at(61.1)
    assert {s.certainty for s in between.shares} == {"uncertain"}
    assert after.certainty == "certain"
    assert [s.replicas for s in restarted.shares] == [0, 0]


def test_a_run_that_starts_says_how_long_the_one_before_was_alive() -> None:
    seen = at(100).isoformat(timespec="microseconds").replace("+00:00", "Z")
    again = Event(event(110, "platform.started").time, "platform.started", "system",
                  details={"seen": seen})  # fmt: skip
    events = [*EVENTS[:5], again, ready(111, OLD)]

    alive, between = one(90, events=events), one(105, events=events)

    assert alive.certainty == "certain"
    assert (between.certainty, between.seen_until) == ("uncertain", at(100))


def test_what_runs_now_is_certain_if_the_platform_is_seen_alive() -> None:
    events = EVENTS[:3]
    (unseen,) = live_at(HISTORY, events, at(40))
    (seen,) = live_at(HISTORY, events, at(40), alive=at(41))

    assert unseen.certainty == "uncertain"
    assert seen.certainty == "certain"


def test_a_server_that_failed_does_not_count() -> None:
    failed = event(20, "server.failed", OLD, replica="r1")
    events = sorted([*EVENTS, failed], key=lambda e: e.time)

    assert kinds(one(30, events=events)) == ["intended but not live"]


def test_two_replicas_count_twice_and_one_stops() -> None:
    events = sorted([*EVENTS, ready(2, OLD, "r9"), stopped(20, OLD, "r9")], key=lambda e: e.time)

    assert one(10, events=events).shares[0].replicas == 2
    assert one(30, events=events).shares[0].replicas == 1


def test_a_release_that_nobody_asked_for_is_a_finding() -> None:
    events = sorted([*EVENTS, ready(20, NEW, "rogue")], key=lambda e: e.time)

    assert kinds(one(30, events=events)) == ["live without commit"]


def test_a_route_that_differs_from_git_is_a_finding() -> None:
    events = sorted([*EVENTS, route(70, old=50, new=50)], key=lambda e: e.time)

    assert kinds(one(100, events=events)) == ["share differs", "share differs"]


def test_a_difference_just_after_a_commit_is_a_change_under_way() -> None:
    assert kinds(one(60.5)) == []


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"signer": ""}, "commit not signed"),
        ({"approved_by": ("validator",)}, "live without approval"),
        ({"approved_by": ("validator", "platform-engineer")}, "live without approval"),
    ],
)
def test_a_commit_that_was_not_authorised_is_a_finding(
    change: dict[str, str | tuple[str, ...]], kind: str
) -> None:
    first = replace(HISTORY[0], **change)  # type: ignore[arg-type]

    assert kinds(one(30, history=[first, *HISTORY[1:]])) == [kind]


def test_answers_of_a_release_that_was_not_seen_are_a_ghost() -> None:
    ghost = Digest("sha256:" + "c" * 64)
    answers = {("prod", "credit"): {OLD.text: 10, ghost.text: 3}}

    (live,) = live_at(HISTORY, EVENTS, at(30), answers)

    assert kinds(live) == ["ghost release"]
    assert {s.digest: s.answers for s in live.shares} == {OLD.text: 10, ghost.text: 3}


def test_a_release_that_sleeps_while_nobody_asks_is_no_finding() -> None:
    (slot,) = HISTORY[0].slots
    history = [replace(HISTORY[0], slots=(replace(slot, replicas=0),))]
    events = [event(-1, "platform.started"), ready(1, OLD), route(1.1, old=100), stopped(10, OLD)]

    assert one(30, history, events).mismatches == ()
    assert kinds(one(30, HISTORY[:1], events)) == ["intended but not live"]


def test_a_commit_that_removes_a_model_leaves_nothing_to_expect() -> None:
    history = [*HISTORY, intent(150)]
    events = sorted([*EVENTS, stopped(151, NEW, "r2"), route(150.5)], key=lambda e: e.time)

    assert live_at(history, events, at(180)) == ()
