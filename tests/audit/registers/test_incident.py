"""Incidents: clocks from awareness, steps that listed persons signed, and forged ones."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from goldenpath.audit.events.event import Event
from goldenpath.audit.events.event_log import EventLog
from goldenpath.audit.registers.incident import Incident, clocks, duty_of, month_after
from goldenpath.audit.registers.incident_records import (
    IncidentDesk,
    IncidentOpening,
    add_step,
    open_incident,
    read_incidents,
)
from goldenpath.errors import InvalidInput, NotFound
from goldenpath.promote.repository.identity import Identity
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.times import timestamp
from tests.promote.example import platform

AWARE = datetime(2026, 11, 22, 10, tzinfo=UTC)
NOW = AWARE + timedelta(hours=2)


class Office:
    """A listed person, a stranger, and a real audit log."""

    def __init__(self, folder: Path) -> None:
        self.log = EventLog(folder / "events")
        self.keys = {name: SshKey.generate(folder / name) for name in ("officer", "stranger")}
        self.people = (Person("officer", ("risk-manager",), self.keys["officer"].public_line),)

    def desk(self, now: datetime = NOW, name: str = "officer", key: str = "") -> IncidentDesk:
        acting = Identity(name, self.keys[key or name])
        listed = replace(platform(), people=self.people)
        return IncidentDesk(acting, listed, now, self.log.append)

    def open(self, now: datetime = NOW) -> str:
        opening = IncidentOpening("wrong scores", AWARE, None, "prod", "credit", "drift-1")
        return open_incident(self.desk(now), opening)

    def read(self, moment: datetime) -> tuple[Incident, ...]:
        return read_incidents(self.log.read(), self.people, moment)

    def step(self, name: str, action: str, text: str, now: datetime) -> None:
        add_step(self.desk(now), self.read(now), name, action=action, text=text)

    def forge(self, kind: str, now: datetime, **details: str) -> None:
        """Append what anybody who can write to the home can append."""
        told = {"incident": "", "statement": "", "signature": "", **details}
        event = Event.from_json(
            {"time": timestamp(now), "kind": kind, "actor": "officer", "stage": "prod",
             "model": "credit", "details": {**told}}
        )  # fmt: skip
        self.log.append(event)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def ends(classified: datetime | None = None) -> dict[str, timedelta]:
    made = clocks(AWARE, classified, (), AWARE)
    return {each.duty: each.due - AWARE for each in made}


def test_the_clocks_run_from_awareness() -> None:
    assert ends() == {
        "ai-act-serious": timedelta(days=15),
        "dora-initial": timedelta(hours=4),
        "dora-intermediate": timedelta(hours=72),
        "dora-final": timedelta(days=30),
        "gdpr-breach": timedelta(hours=72),
    }


@pytest.mark.parametrize(("hours", "due"), [(1, 5), (19, 23), (20, 24), (40, 24)])
def test_after_a_classification_four_hours_are_left_and_at_most_a_day(hours: int, due: int) -> None:
    assert ends(AWARE + timedelta(hours=hours))["dora-initial"] == timedelta(hours=due)


@pytest.mark.parametrize(
    ("day", "next_one"),
    [("2026-01-31", "2026-02-28"), ("2028-01-30", "2028-02-29"), ("2026-12-15", "2027-01-15")],
)
def test_a_month_is_one_of_the_calendar(day: str, next_one: str) -> None:
    assert month_after(datetime.fromisoformat(day)).date().isoformat() == next_one


def test_an_incident_goes_from_opening_to_report_and_end_with_times(office: Office) -> None:
    office.log.append(
        Event(timestamp(AWARE), "rollout.rolled-back", "officer", "prod", "credit",
              details={"reason": "scores are wrong"})
    )  # fmt: skip
    name = office.open()
    (running,) = office.read(NOW)
    assert (running.aware_at, running.opened_by, running.closed) == (AWARE, "officer", None)
    assert {each.state for each in running.clocks} == {"running"}
    (overdue,) = office.read(NOW + timedelta(days=16))
    assert {each.duty: each.state for each in overdue.clocks}["ai-act-serious"] == "overdue"

    office.step(name, "reported", "dora-initial", NOW + timedelta(hours=1))
    office.step(name, "reported", "gdpr-breach", NOW + timedelta(hours=90))
    office.step(name, "closed", "cause found and mended", NOW + timedelta(days=4))

    (ended,) = office.read(NOW + timedelta(days=40))
    assert ended.closed is not None and ended.closed.text == "cause found and mended"
    assert {each.duty: each.state for each in ended.clocks} == {
        "ai-act-serious": "ended", "dora-initial": "reported", "dora-intermediate": "overdue",
        "dora-final": "ended", "gdpr-breach": "reported late",
    }  # fmt: skip
    assert any("rollout.rolled-back scores are wrong" in line for line in ended.corrective)
    assert office.read(NOW) == (running,), "as of then nothing else was known"
    assert office.read(AWARE - timedelta(days=1)) == ()
    with pytest.raises(InvalidInput, match="closed by officer already"):
        office.step(name, "reported", "dora-final", NOW + timedelta(days=5))


def test_a_step_that_no_listed_person_signed_stops_no_clock_and_is_shown(office: Office) -> None:
    name = office.open()
    later = NOW + timedelta(hours=3)
    office.forge("incident.closed", later, incident=name)
    stolen = next(office.log.read()).details or {}
    office.forge(
        "incident.closed", later, incident=name,
        statement=str(stolen["statement"]), signature=str(stolen["signature"]),
    )  # fmt: skip

    (incident,) = office.read(NOW + timedelta(days=1))

    assert incident.closed is None and not incident.fault
    assert [bool(each.fault) for each in incident.steps] == [False, True, True]
    states = {each.duty: each.state for each in incident.clocks}
    assert (states["dora-initial"], states["dora-final"]) == ("overdue", "running")


def test_a_later_opening_does_not_move_the_time_of_awareness(office: Office) -> None:
    name = office.open()
    office.forge("incident.opened", NOW + timedelta(hours=1), incident=name)

    (incident,) = office.read(NOW + timedelta(days=1))

    assert (incident.aware_at, incident.fault) == (AWARE, "")


def test_an_opening_that_nobody_signed_is_listed_and_not_believed(office: Office) -> None:
    office.forge("incident.opened", NOW, incident="incident-x")

    (incident,) = office.read(NOW)

    assert incident.id == "incident-x" and "nobody signed it" in incident.fault


def test_who_is_not_listed_opens_nothing(office: Office) -> None:
    opening = IncidentOpening("wrong scores", AWARE)
    for name, key in (("stranger", ""), ("officer", "stranger"), ("stranger", "officer")):
        with pytest.raises(InvalidInput):
            open_incident(office.desk(name=name, key=key), opening)
    assert [*office.log.read()] == []


def test_what_somebody_signed_after_their_time_does_not_count(office: Office) -> None:
    name = office.open()
    ended = (replace(office.people[0], valid_until=NOW),)

    (incident,) = read_incidents(office.log.read(), ended, NOW + timedelta(hours=1))

    assert (incident.id, incident.fault) == (name, f"officer was not listed at {timestamp(NOW)}")


@pytest.mark.parametrize(
    "wrong",
    [
        IncidentOpening(" ", AWARE),
        IncidentOpening("x", NOW + timedelta(seconds=1)),
        IncidentOpening("x", AWARE, AWARE - timedelta(seconds=1)),
        IncidentOpening("x", AWARE, NOW + timedelta(seconds=1)),
        IncidentOpening("x" * 2001, AWARE),
    ],
    ids=["no title", "future", "classified before", "classified later", "long"],
)
def test_what_cannot_be_an_incident_is_refused(office: Office, wrong: IncidentOpening) -> None:
    with pytest.raises(InvalidInput):
        open_incident(office.desk(), wrong)


def test_unknown_incidents_and_duties_are_refused(office: Office) -> None:
    name = office.open()
    with pytest.raises(NotFound, match="there is no incident none"):
        office.step("none", "closed", "x", NOW)
    with pytest.raises(InvalidInput, match="is no duty to report"):
        office.step(name, "reported", "dora-final-report", NOW)
    assert duty_of("dora-final") == "dora-final"
