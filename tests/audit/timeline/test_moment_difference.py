"""What differs between two moments, on a real platform."""

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner

from goldenpath.audit.timeline.live import live_at
from goldenpath.audit.timeline.moment_difference import LiveDifference, live_differences
from goldenpath.cli import at
from tests.audit.made import PROMOTED, intent, lived
from tests.audit.served import Served, serve_once


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return serve_once(tmp_path_factory.mktemp("moments"))[0]


def differences(served: Served, first: int, second: int) -> dict[str, tuple[str, str]]:
    """What differs between two moments, in minutes after the promotion."""
    one, other = ((PROMOTED + timedelta(minutes=each)).isoformat() for each in (first, second))
    result = CliRunner().invoke(
        at.verb, [one, "--vs", other, "--output", "json"], env=served.environment
    )
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)["differences"]
    assert {(each["stage"], each["model"]) for each in found} <= {("prod", "credit")}
    return {each["what"]: (each["before"], each["after"]) for each in found}


def test_a_promotion_shows_release_people_policy_and_monitors(served: Served) -> None:
    found = differences(served, -30, 30)

    digest = served.made.image.digest
    assert found["intended"] == ("", f"{digest} 100 %")
    assert found["approved by"] == ("", "manager, validator")
    assert found["signed by"] == ("", "platform-engineer")
    assert found["servers"][0] == "" and digest.text in found["servers"][1]
    assert '"decline"' in found["policy"][1] or '"refer"' in found["policy"][1]
    assert "false_alarms_a_year" in found["monitors"][1]
    assert found["thresholds"][1].startswith("sha256:")


def test_between_two_moments_of_the_same_state_nothing_differs(served: Served) -> None:
    assert differences(served, 10, 20) == {}


def test_a_server_that_stopped_differs_while_git_says_the_same(served: Served) -> None:
    found = differences(served, 30, 120)

    assert "servers" in found and "findings" in found
    assert "intended" not in found and "commit" not in found


def test_what_cannot_be_read_differs_from_what_could(served: Served) -> None:
    made = served.made
    live = live_at([intent(made)], lived(made), PROMOTED + timedelta(minutes=30))
    terms = iter(({"policy": "{}"}, {"policy": "could not be found out: gone"}))

    found = live_differences(live, live, lambda digest: next(terms))

    assert found == (
        LiveDifference("prod", "credit", "policy", "{}", "could not be found out: gone"),
    )


def test_the_page_names_both_moments(served: Served) -> None:
    first, second = ((PROMOTED + timedelta(minutes=each)).isoformat() for each in (-30, 30))
    text = CliRunner().invoke(at.verb, [first, "--vs", second], env=served.environment).stdout

    assert text.startswith("from 2026-11-22T12:30:00Z to 2026-11-22T13:30:00Z")
    assert "prod/credit" in text and "before  nothing" in text
