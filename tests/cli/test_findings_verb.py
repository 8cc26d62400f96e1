"""`goldenpath findings`: the list, and who may close what."""

import json
from pathlib import Path

import pytest

from goldenpath.audit.alarms.closing import closer_of, listed
from goldenpath.audit.events.event_log import EventLog
from goldenpath.errors import VerificationError
from goldenpath.home import Home
from goldenpath.observe.drift.findings import DriftFinding, close, load, save
from goldenpath.promote.platform.platform import Platform
from goldenpath.release.attest.signatures.sshsig import SshKey
from tests.audit.alarms.examples import NOW, finding
from tests.cli.conftest import Town
from tests.cli.saying import Command

WHO = "risk-manager"
REASON = ("--reason", "the source sends the old codes again")


@pytest.fixture
def home(copy: Town) -> Home:
    home = Home(copy.folder / "home")
    for number in (1, 2):
        save(home.findings, finding(number))
    return home


def test_findings_are_listed_and_closed_by_a_signed_event(
    copy: Town, home: Home, changing: Command
) -> None:
    acting = copy.acting(WHO)
    closed = changing("findings", "close", finding(1).id, *REASON, *acting)
    assert closed.code == 0, closed.err

    shown = json.loads(changing("findings", "--output", "json").out)
    assert [each["finding"]["id"] for each in shown] == [finding(2).id, finding(1).id]
    assert (shown[1]["signed_by"], shown[1]["fault"]) == ("risk-manager", "")
    still_open = json.loads(changing("findings", "--open", "--output", "json").out)
    assert [each["finding"]["id"] for each in still_open] == [finding(2).id]
    assert "closed by risk-manager: the source" in changing("findings", "credit").out
    (event,) = (each for each in EventLog(home.events).read() if each.kind == "drift.closed")
    assert (event.actor, (event.details or {})["finding"]) == ("risk-manager", finding(1).id)
    assert "BEGIN SSH SIGNATURE" in str((event.details or {})["signature"])

    again = changing("findings", "close", finding(1).id, *REASON, *acting)
    assert (again.code, again.is_orderly) == (2, True)
    assert "closed by risk-manager already" in again.err


def test_who_is_not_listed_closes_nothing(copy: Town, home: Home, changing: Command) -> None:
    stranger = copy.folder / "stranger"
    SshKey.generate(stranger)
    tries = (
        ("--as", "risk-manager", "--key", str(stranger)),
        ("--as", "mallory", "--key", str(stranger)),
        ("--as", "mallory", "--key", str(copy.folder / "risk-manager")),
    )

    for acting in tries:
        refused = changing("findings", "close", finding(1).id, *REASON, *acting)
        assert refused.is_orderly and refused.code == 2
    without = changing("findings", "close", finding(1).id, "--reason", " ", *copy.acting(WHO))
    unknown = changing("findings", "close", "none", *REASON, *copy.acting(WHO))

    assert (without.code, unknown.code) == (2, 3)
    assert load(home.findings, finding(1).id).state == "open"


def test_a_closing_that_nobody_signed_is_not_believed_and_may_be_signed_later(
    copy: Town, home: Home, changing: Command
) -> None:
    close(home.findings, finding(1).id, "risk-manager", "by hand", now=NOW)

    (first, _) = json.loads(changing("findings", "--open", "--output", "json").out)
    assert "nobody signed" in first["fault"]
    assert "NOT believed" in changing("findings").out

    assert changing("findings", "close", finding(1).id, *REASON, *copy.acting(WHO)).code == 0
    assert len(json.loads(changing("findings", "--open", "--output", "json").out)) == 1


def test_a_forged_or_moved_statement_closes_nothing(
    copy: Town, home: Home, changing: Command, platform_of: Platform
) -> None:
    people = platform_of.people
    changing("findings", "close", finding(1).id, *REASON, *copy.acting(WHO))
    signed = (home.findings / "closed" / f"{finding(1).id}.json").read_bytes()
    other: DriftFinding = load(home.findings, finding(1).id)
    assert closer_of(home.findings, other, people) == "risk-manager"

    moved = home.findings / "closed" / f"{finding(2).id}.json"
    moved.write_bytes(signed)
    with pytest.raises(VerificationError, match="about another finding"):
        closer_of(home.findings, load(home.findings, finding(2).id), people)
    for old, new in ((b"old codes", b"new codes"), (b'"risk-manager"', b'"validator"')):
        (home.findings / "closed" / f"{finding(1).id}.json").write_bytes(signed.replace(old, new))
        assert listed(home.findings, other, people).is_open
    (home.findings / "closed" / f"{finding(1).id}.json").write_bytes(b"{")
    assert listed(home.findings, other, people).is_open


@pytest.fixture
def platform_of(copy: Town, home: Home, changing: Command) -> Platform:
    from goldenpath import compose

    return compose.trusted(home).platform


def test_a_mistyped_model_is_not_answered_with_nothing(
    copy: Town, home: Home, changing: Command, tmp_path: Path
) -> None:
    assert changing("findings", "credi").code == 3
    assert changing("findings", "--stage", "prd").code == 2


def test_a_finding_has_an_owner_and_a_time_limit(copy: Town, home: Home, changing: Command) -> None:
    def rows(*more: str) -> list[dict[str, object]]:
        found: list[dict[str, object]] = json.loads(
            changing("findings", *more, "--output", "json").out
        )
        return found

    unowned = rows()
    assert {(each["owner"], each["due"], each["is_overdue"]) for each in unowned} == {
        ("", "", False)
    }
    assert "nobody named" in changing("findings").out
    declared = changing("platform", "show").out
    for within, overdue in (("1h", True), ("9999d", False)):
        owner = f'[[owner]]\nname = "risk models"\nfindings-within = "{within}"\n'
        (copy.folder / "platform.toml").write_text(f"{declared}\n{owner}")
        acting = copy.acting("platform-engineer")
        changed = changing(
            "platform", "change", str(copy.folder / "platform.toml"), "--reason", "owner", *acting
        )
        assert changed.code == 0, changed.err

        (first, _) = rows()
        assert (first["owner"], first["is_overdue"]) == ("risk models", overdue)
    closed = changing("findings", "close", finding(1).id, *REASON, *copy.acting(WHO))
    assert closed.code == 0, closed.err
    assert [each["is_overdue"] for each in rows()] == [False, False]


def test_findings_are_shown_as_of_a_time(copy: Town, home: Home, changing: Command) -> None:
    assert changing("findings", "close", finding(1).id, *REASON, *copy.acting(WHO)).code == 0

    def states(time: str) -> list[str]:
        found = json.loads(changing("findings", "--at", time, "--output", "json").out)
        return [each["finding"]["state"] for each in found]

    assert states("now") == ["open", "resolved"]
    assert states("2026-11-22T10:00:00Z") == ["open", "open"]
    assert states("2026-11-22T09:30:01.5Z") == ["open"]
    assert states("2026-11-22T09:00:00Z") == []
