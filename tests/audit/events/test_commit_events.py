"""A commit leaves its event, whoever was killed after it, and never two."""

from dataclasses import replace
from pathlib import Path

import pytest

from goldenpath.audit.events.commit_events import CommitEvents
from goldenpath.audit.events.event import Event
from goldenpath.audit.events.event_log import EventLog
from goldenpath.promote.repository.commit_message import APPROVED_BY
from tests.promote.road import MODEL, Road


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Road:
    return Road(tmp_path_factory.mktemp("road"))


@pytest.fixture
def events(road: Road, tmp_path: Path) -> CommitEvents:
    """The events of an audit log of its own, which has begun at what is on `main` now."""
    events = CommitEvents(tmp_path, road.repository, lambda: road.now)
    events.catch_up(road.trusted().commit)
    return events


def test_what_a_killed_verb_did_not_write_is_derived_by_whoever_looks_next(
    road: Road, events: CommitEvents, tmp_path: Path
) -> None:
    digest = road.release(b"one")
    commit = road.promote(digest, "dev").commit

    for _ in range(2):
        events.catch_up(road.trusted().commit)

    (event,) = EventLog(tmp_path).read()
    assert (event.kind, event.stage, event.model) == ("release.promoted", "dev", MODEL)
    assert (event.commit, event.digest) == (commit, digest.text)
    assert event.actor == road.repository.commits([commit])[0].author
    assert event.details is not None
    assert event.details["slots"] == [
        {"name": f"r{digest.hex[:12]}", "digest": digest.text, "percent": 100}
    ]
    trailers = road.repository.commits([commit])[0].trailers
    assert event.details["approvers"] == [*trailers.get(APPROVED_BY, ())]


def test_the_event_of_a_verb_and_the_derived_one_are_one(
    road: Road, events: CommitEvents, tmp_path: Path
) -> None:
    def own(commit: str) -> Event:
        return Event("2026-11-23T08:00:00.000000Z", "release.promoted", "somebody", commit=commit)

    first = road.promote(road.release(b"two"), "dev").commit
    events.append(own(first))
    second = road.promote(road.release(b"three"), "dev").commit
    events.catch_up(road.trusted().commit)
    events.append(own(second))
    events.catch_up(road.trusted().commit)

    written = list(EventLog(tmp_path).read())
    assert [event.commit for event in written] == [first, second]
    assert written[0].actor == "somebody" and (written[1].details or {})["derived"]


def test_an_older_reader_writes_nothing_again(
    road: Road, events: CommitEvents, tmp_path: Path
) -> None:
    before = road.trusted().commit
    road.promote(road.release(b"four"), "dev")
    events.catch_up(road.trusted().commit)

    events.catch_up(before)
    events.catch_up(road.trusted().commit)

    assert len(list(EventLog(tmp_path).read())) == 1


def test_a_torn_mark_begins_anew_and_stops_nobody(
    road: Road, events: CommitEvents, tmp_path: Path
) -> None:
    (tmp_path / "commits.json").write_bytes(b'{"version": 1, "com')

    events.catch_up(road.trusted().commit)

    assert list(EventLog(tmp_path).read()) == []


def test_commits_without_an_act_leave_no_event(
    road: Road, events: CommitEvents, tmp_path: Path
) -> None:
    platform = road.trusted().platform
    road.change_platform(replace(platform, gateway="127.0.0.1:9"))

    events.catch_up(road.trusted().commit)

    assert list(EventLog(tmp_path).read()) == []
