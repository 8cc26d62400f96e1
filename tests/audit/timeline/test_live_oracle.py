"""What was live, at random and boundary moments of random histories, against a simple oracle.

A machine follows commits: new servers become ready, the route moves, old servers drain. Sometimes
it stops for a while. Sometimes answers appear that no server gave.
"""

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from goldenpath.audit.events.event import Event, Kind
from goldenpath.audit.timeline.live import live_at, mismatches_at
from goldenpath.audit.timeline.live_model import Intent
from goldenpath.audit.timeline.mismatches import SWITCHING
from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.promote.manifests.desired import Slot, slot_name
from tests.sizes import at_size

START = datetime(2026, 1, 14, 14, 0, tzinfo=UTC)
HALF = 30.0
RELEASES = [Digest(f"sha256:{number:064x}") for number in range(1, 9)]
GHOST = Digest("sha256:" + "f" * 64)
END = 1e9


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@dataclass
class History:
    """What happened, as the oracle knows it: plain lists of times in seconds."""

    commits: list[tuple[float, dict[Digest, int]]] = field(default_factory=list)
    up: list[list[float | Digest]] = field(default_factory=list)
    """Release, ready, ended."""
    answered: list[tuple[Digest, float, float]] = field(default_factory=list)
    """Release, first and last answer."""
    events: list[tuple[float, Event]] = field(default_factory=list)

    def note(self, seconds: float, kind: Kind, digest: Digest | None, **more: JsonValue) -> None:
        time = at(seconds).isoformat(timespec="microseconds")
        place = ("", "") if kind.startswith("platform") else ("prod", "credit")
        text = digest.text if digest else ""
        self.events.append((seconds, Event(time, kind, "system", *place, text, details=more)))

    def begin(self, digest: Digest, seconds: float, replica: int) -> None:
        self.up.append([digest, seconds, END])
        self.note(seconds, "server.ready", digest, replica=f"{digest.hex[-2:]}-{replica}")

    def end(self, digest: Digest, seconds: float, replica: int) -> None:
        for server in self.up:
            if server[0] == digest and server[2] == END:
                server[2] = seconds
        self.note(seconds, "server.stopped", digest, replica=f"{digest.hex[-2:]}-{replica}")

    def route(self, shares: dict[Digest, int], seconds: float) -> None:
        slots: list[JsonValue] = [
            {"name": slot_name(digest), "digest": digest.text, "percent": percent}
            for digest, percent in shares.items()
        ]
        self.note(seconds, "route.changed", None, slots=slots)


def made(seed: int) -> History:
    """A machine that follows six commits, and stops once in between."""
    chance = random.Random(seed)  # noqa: S311
    history, now = History(), 0.0
    running: dict[Digest, float] = {}
    history.note(now, "platform.started", None)
    stop_after = chance.randrange(1, 6)
    for number in range(6):
        now += chance.uniform(125, 600)
        one, two = chance.sample(RELEASES, 2)
        keep = next(iter(running), one)
        canary = chance.random() < 0.5 and keep != two
        shares = {keep: 90, two: 10} if canary else {two: 100}
        history.commits.append((now, shares))
        ready = now + chance.uniform(0, 40)
        for digest in shares.keys() - running.keys():
            history.begin(digest, ready, number)
        moved = ready + chance.uniform(0.1, 5)
        history.route(shares, moved)
        for digest in list(running.keys() - shares.keys()):
            gone = moved + chance.uniform(0.1, 60)
            history.answered.append((digest, running.pop(digest), moved + (gone - moved) / 2))
            history.end(digest, gone, _number(history, digest))
        for digest in shares.keys() - running.keys():
            running[digest] = moved
        if number == stop_after:
            now = _stop(history, running, now + chance.uniform(125, 300), chance)
    history.answered += [(digest, since, END) for digest, since in running.items()]
    return history


def _number(history: History, digest: Digest) -> int:
    ready = [e for _, e in history.events if e.kind == "server.ready" and e.digest == digest.text]
    return int(str((ready[-1].details or {})["replica"]).split("-")[1])


def _stop(
    history: History, running: dict[Digest, float], now: float, chance: random.Random
) -> float:
    """The machine stops in order, and comes back with the same releases."""
    shares = history.commits[-1][1]
    for digest in list(running):
        history.answered.append((digest, running[digest], now - 0.5))
        history.end(digest, now, _number(history, digest))
    history.note(now + 0.1, "platform.stopped", None)
    back = now + chance.uniform(60, 400)
    history.note(back, "platform.started", None)
    for digest in shares:
        history.begin(digest, back + 3, 90)
        running[digest] = back + 4
    history.route(shares, back + 4)
    return back


def intents(history: History) -> list[Intent]:
    return [
        Intent(
            time=at(seconds), stage="prod", model="credit", commit=f"{number:040d}",
            slots=tuple(Slot(slot_name(d), d, percent) for d, percent in shares.items()),
            author="a", signer="a",
        )
        for number, (seconds, shares) in enumerate(history.commits)
    ]  # fmt: skip


def expected(history: History, moment: float, ghost: bool) -> set[str]:
    """The oracle: what a person with the plain lists would say."""
    past = [(when, shares) for when, shares in history.commits if when <= moment]
    up = {str(server[0]) for server in history.up if server[1] <= moment < server[2]}  # type: ignore[operator]
    found = {"ghost release"} if ghost else set[str]()
    if past:
        wanted = {str(digest) for digest in past[-1][1]}
        if moment - past[-1][0] > SWITCHING.total_seconds():
            found |= {"intended but not live"} if wanted - up else set()
        elif len(past) > 1 and not up:
            found.add("intended but not live")
    return found


def observed(history: History, moment: float, ghost: bool) -> set[str]:
    spans: dict[str, tuple[datetime, datetime]] = {}
    for digest, first, last in history.answered:
        begin, end = max(first, moment - HALF), min(last, moment + HALF)
        if begin <= end:
            known = spans.get(digest.text, (at(begin), at(end)))
            spans[digest.text] = (min(known[0], at(begin)), max(known[1], at(end)))
    if ghost:
        spans[GHOST.text] = (at(moment - 1), at(moment + 1))
    name = ("prod", "credit")
    events = [event for _, event in sorted(history.events, key=lambda pair: pair[0])]
    found = live_at(
        intents(history), events, at(moment), {name: dict.fromkeys(spans, 1)},
        alive=at(moment + 1), spans={name: spans},
    )  # fmt: skip
    return {mismatch.kind for live in found for mismatch in live.mismatches}


def moments(history: History, chance: random.Random) -> list[float]:
    """Each boundary, just before and after it, and some moments in between."""
    edges = [seconds for seconds, _ in history.events] + [when for when, _ in history.commits]
    edges += [when + SWITCHING.total_seconds() for when, _ in history.commits]
    near = [edge + step for edge in edges for step in (-0.01, 0.01, 15.0, -15.0)]
    last = max(edges)
    return [each for each in near if each > 0] + [chance.uniform(1, last) for _ in range(10)]


@pytest.mark.parametrize("seed", range(at_size(12, 2000)))
def test_no_honest_machine_is_accused_and_no_outage_and_no_ghost_is_missed(seed: int) -> None:
    history = made(seed)
    chance = random.Random(seed + 1)  # noqa: S311
    for moment in moments(history, chance):
        ghost = chance.random() < 0.2
        assert observed(history, moment, ghost) == expected(history, moment, ghost), moment


@pytest.mark.parametrize("seed", range(at_size(4, 200)))
def test_many_moments_at_once_give_what_each_gives_alone(seed: int) -> None:
    history = made(seed)
    chance = random.Random(seed + 1)  # noqa: S311
    commits = intents(history)
    # A clock that went back, and a deployment of which nothing is known.
    commits[2] = replace(commits[2], time=commits[2].time - timedelta(hours=1))
    events = [event for _, event in sorted(history.events, key=lambda pair: pair[0])]
    asked = [at(each) for each in moments(history, chance)]
    chance.shuffle(asked)
    places = [("prod", "credit"), ("prod", "other")]

    together = mismatches_at(commits, events, [(name, each) for name in places for each in asked])

    for number, moment in enumerate(asked):
        alone = {
            (live.stage, live.model): live.mismatches for live in live_at(commits, events, moment)
        }
        assert together[number] == alone.get(places[0], ()), moment
        assert together[len(asked) + number] == ()
