"""The inputs of a person in `goldenpath trace`: closed without a role, a reason and an event."""

import json

import pytest
from click.testing import CliRunner, Result

from goldenpath.audit.events.event_log import EventLog
from goldenpath.cli import trace
from goldenpath.errors import InvalidInput
from goldenpath.observe.log.log_reader import NOT_OPENED
from tests.audit.proofs.proven_home import ProvenHome, serve_a_home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> ProvenHome:
    return serve_a_home(tmp_path_factory.mktemp("traced"))


def run(home: ProvenHome, *words: str, who: tuple[str, str]) -> Result:
    """Run the verb as a person with their key; `who` is name and key file."""
    person = ["--as", who[0], "--key", str(home.served.home.root.parent / who[1])]
    line = [home.served.prediction_id, *words, *person, "--output", "json"]
    return CliRunner().invoke(trace.verb, line, env=home.served.environment)


def opened(home: ProvenHome) -> list[str]:
    """Return the purposes for which inputs were opened."""
    events = EventLog(home.served.home.events).read()
    return [str((each.details or {})["purpose"]) for each in events if each.kind == "inputs.opened"]


VALIDATOR, ENGINEER = ("validator", "validator"), ("platform-engineer", "engineer")


def test_a_trace_shows_no_inputs_and_leaves_no_event(home: ProvenHome) -> None:
    before = opened(home)

    result = run(home, who=ENGINEER)

    shown = json.loads(result.stdout)["prediction"]
    assert (shown["inputs"], shown["references"]) == (None, {})
    assert shown["inputs_state"] == NOT_OPENED
    assert opened(home) == before


def test_a_role_and_a_reason_open_them_and_leave_an_event(home: ProvenHome) -> None:
    before = len(opened(home))
    result = run(home, "--open", "--reason", "a complaint", who=VALIDATOR)

    assert json.loads(result.stdout)["prediction"]["inputs"], result.exception
    assert opened(home)[before:] == ["trace"]


@pytest.mark.parametrize(
    ("words", "who"),
    [(("--open",), VALIDATOR), (("--open", "--reason", "curious"), ENGINEER)],
)
def test_without_a_reason_or_a_role_nothing_is_opened(
    home: ProvenHome, words: tuple[str, ...], who: tuple[str, str]
) -> None:
    before = opened(home)

    result = run(home, *words, who=who)

    assert isinstance(result.exception, InvalidInput)
    assert result.stdout == ""
    assert opened(home) == before
