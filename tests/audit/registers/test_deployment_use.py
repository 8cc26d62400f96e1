"""Who used a deployment: by a real prediction log, and what that log cannot say."""

from datetime import timedelta
from pathlib import Path

import pytest

from goldenpath.audit.answers.checked_logs import check_logs
from goldenpath.audit.answers.oversight_counts import oversight_between
from goldenpath.audit.registers.deployment_use import BEYOND, recent_use
from goldenpath.home import Home
from goldenpath.observe.log.segment import checkpoints, table_of
from goldenpath.promote.acts.holding import DeploymentUse
from tests.audit.served import ANSWERED, Served, serve_once

DAY = timedelta(days=1)
CREDIT = ("prod", "credit")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return serve_once(tmp_path_factory.mktemp("used"))[0]


def use(home: Home, name: tuple[str, str], hours: float) -> DeploymentUse:
    """The use in the day up to so many hours after the answer."""
    until = ANSWERED + timedelta(hours=hours)
    log = check_logs(home).states.predictions
    return recent_use(home, name, until - DAY, until=until, log=log)


def test_an_answer_is_a_use_until_the_time_has_passed(served: Served) -> None:
    assert use(served.home, CREDIT, 1).by == (
        "1 answers since 2026-11-21T14:30:00Z, for consumer loan",
    )
    assert use(served.home, CREDIT, 25).by == ()
    assert use(served.home, CREDIT, 25).unknown == BEYOND
    for other in (("dev", "credit"), ("prod", "other")):
        assert use(served.home, other, 1).by == ()


def test_without_a_log_nobody_knows_who_calls(tmp_path: Path) -> None:
    found = use(Home(tmp_path), CREDIT, 1)

    assert found.by == ()
    assert "there is no prediction log on this machine" in found.unknown[0]


def test_a_damaged_log_is_named_where_it_may_hide_a_caller(tmp_path: Path) -> None:
    home = serve_once(tmp_path)[0].home
    (sealed,) = checkpoints(home.predictions)
    table_of(sealed).write_bytes(b"x")

    found = use(home, CREDIT, 1)

    assert found.by == () and len(found.unknown) > len(BEYOND)
    counts = oversight_between(home, ANSWERED - DAY, ANSWERED + DAY)
    assert counts.by_mode == {} and "does not count" in counts.unknown[0]
