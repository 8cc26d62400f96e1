"""The finding that causes a retraining: known, open, and about the model."""

from pathlib import Path

import pytest

from goldenpath.audit.renewals.renewal_cause import renewal_cause
from goldenpath.errors import InvalidInput, NotFound
from goldenpath.home import Home
from goldenpath.observe.drift.findings import MONITOR, close, resolved, save
from tests.audit.alarms.examples import NOW, finding


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    save(home.findings, finding())
    return home


def test_an_open_finding_is_the_cause_as_it_is_now(home: Home) -> None:
    cause = renewal_cause(home, finding().id, "credit", ())

    assert (cause.finding, cause.stage, cause.kind, cause.feature) == (
        finding().id, "prod", "new code", "status",
    )  # fmt: skip
    assert (cause.release, cause.sentence) == (finding().release, finding().sentence)


def test_an_unknown_finding_is_not_found(home: Home) -> None:
    with pytest.raises(NotFound, match="there is no finding drift-2") as refused:
        renewal_cause(home, "drift-2", "credit", ())
    assert "goldenpath findings credit --open" in (refused.value.hint or "")


@pytest.mark.parametrize("name", ["../drift", "a/b", ".."])
def test_a_name_that_leads_elsewhere_is_refused(home: Home, name: str) -> None:
    with pytest.raises(InvalidInput):
        renewal_cause(home, name, "credit", ())


def test_a_finding_about_another_model_is_no_cause(home: Home) -> None:
    with pytest.raises(InvalidInput, match="is about credit: expected one about pricing"):
        renewal_cause(home, finding().id, "pricing", ())


def test_a_finding_that_the_monitor_resolved_has_ended(home: Home) -> None:
    save(home.findings, resolved(finding(), MONITOR, "as in the reference again", NOW))

    with pytest.raises(InvalidInput, match="has ended: monitor closed it") as refused:
        renewal_cause(home, finding().id, "credit", ())
    assert "--reason" in (refused.value.hint or "")


def test_a_closing_that_nobody_signed_leaves_it_open(home: Home) -> None:
    close(home.findings, finding().id, "risk-manager", "by hand", now=NOW)

    assert renewal_cause(home, finding().id, "credit", ()).finding == finding().id


def test_newer_data_change_no_vulnerable_package(home: Home) -> None:
    save(home.findings, finding(kind="advisory"))

    with pytest.raises(InvalidInput, match="vulnerable package"):
        renewal_cause(home, finding().id, "credit", ())
