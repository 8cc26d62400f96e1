"""What `goldenpath drift` prints about refused requests and about training again."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from goldenpath.audit.alarms.notice import RENEWABLE_KINDS
from goldenpath.cli.drift_page import drift_page
from goldenpath.home import Home
from goldenpath.observe.drift.drift_report import DriftReport, drift_reports
from goldenpath.observe.drift.findings import FindingKind
from goldenpath.observe.log.records import Block
from goldenpath.observe.shares.refused_requests import RefusalMonitor
from tests.audit.health.asked_home import ASKED_AT, watched
from tests.observe.spooling import FACTS, answer, draw, header, refused


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> DriftReport:
    home = Home(Path(tmp_path_factory.mktemp("drifting")))
    watched(home)
    monitor = RefusalMonitor(home.drift, home.findings, lambda _: FACTS)
    answered = [refused(0, "status"), refused(1, "income"), *[answer(2, draw(1, 1))] * 6]
    assert list(monitor.add(Block.of(header(), answered), ASKED_AT)) == []
    monitor.save()
    (made,) = drift_reports(home, "*", "*", lambda _: FACTS)
    return made


def test_refused_requests_stand_by_reason_among_all_requests(report: DriftReport) -> None:
    line = "refused on the last 7 days with requests: 2 of 8 requests (25.0%): unknown code 2"

    assert line in drift_page(report)
    assert "refused on" not in drift_page(replace(report, refused={}, requests=0))


@pytest.mark.parametrize("kind", get_args(FindingKind))
def test_renew_is_named_for_an_open_finding_that_other_data_may_end(
    report: DriftReport, kind: FindingKind
) -> None:
    (found,) = report.findings
    line = f"goldenpath renew credit --until DAY --finding {found.id} --as PERSON"

    assert line in drift_page(report)
    other = replace(report, findings=(replace(found, kind=kind),))
    assert (line in drift_page(other)) == (kind in RENEWABLE_KINDS)
    ended = replace(report, findings=(replace(found, state="resolved"),))
    assert line not in drift_page(ended)
