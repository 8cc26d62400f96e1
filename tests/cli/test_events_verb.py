"""`goldenpath events`, as a user runs it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from goldenpath.audit.events.event import Event
from goldenpath.audit.events.event_log import EventLog
from goldenpath.cli.events import verb
from goldenpath.errors import VerificationError
from goldenpath.home import HOME_VARIABLE, Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    log = EventLog(Home(tmp_path).events)
    log.append(Event("2026-11-22T10:00:00.000000Z", "release.built", "build", model="credit"))
    log.append(Event("2026-11-22T11:00:00.000000Z", "release.promoted", "validator", "dev"))
    return Home(tmp_path)


def test_events_are_shown_by_kind_and_time(home: Home) -> None:
    environment = {HOME_VARIABLE: str(home.root)}

    text = CliRunner().invoke(verb, ["--kind", "release.b"], env=environment).stdout
    later = (
        CliRunner()
        .invoke(verb, ["--since", "2026-11-22T10:30", "--output", "json"], env=environment)
        .stdout
    )

    assert "release.built" in text
    assert "promoted" not in text
    assert [event["kind"] for event in json.loads(later)] == ["release.promoted"]


def test_a_check_of_a_whole_log_says_where_it_stands(home: Home) -> None:
    result = CliRunner().invoke(verb, ["--check"], env={HOME_VARIABLE: str(home.root)})

    assert result.exit_code == 0
    assert "the chain holds" in result.stdout


def test_a_check_of_a_changed_log_fails_with_the_place(home: Home) -> None:
    (path,) = home.events.glob("*.jsonl")
    path.write_text(path.read_text().replace("credit", "another"))
    result = CliRunner().invoke(verb, ["--check"], env={HOME_VARIABLE: str(home.root)})
    assert isinstance(result.exception, VerificationError)
    assert "events-2026-11.jsonl:2" in result.stdout
