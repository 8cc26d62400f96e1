"""The health of a deployment: what its sources say, and what they cannot say by name."""

import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from goldenpath.audit.health.answer_hours import HOURS, answer_hours
from goldenpath.cli.health_page import health_text
from goldenpath.digest import Digest
from goldenpath.home import Home
from goldenpath.observe.drift.findings import load, save
from goldenpath.observe.labels.performance_report import PerformanceReport
from goldenpath.observe.log.segment import checkpoints, table_of
from goldenpath.observe.shares.group_outcomes import GroupState, StoredGroup
from goldenpath.promote.manifests.desired import Slot
from tests.audit.health.asked_home import (
    ASKED_AT,
    LIVE,
    asked_home,
    health_of,
    requests,
    watched,
)
from tests.observe.spooling import DIGEST


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = asked_home(tmp_path_factory.mktemp("asked"), requests())
    watched(home)
    return home


def _copied(home: Home, folder: Path) -> Home:
    return Home(Path(shutil.copytree(home.root, folder / "home")))


def test_requests_are_counted_by_hour_and_refusals_by_reason(home: Home) -> None:
    answers = answer_hours(home, "prod", "credit", ASKED_AT)

    assert len(answers.hours) == HOURS and answers.unknown == ()
    counted = {hour.begin.hour: (hour.answered, dict(hour.refused)) for hour in answers.hours}
    this = ASKED_AT.hour
    assert counted.pop(this) == (3, {"unknown code": 1})
    assert counted.pop((this - 2) % 24) == (1, {})
    assert set(map(str, counted.values())) == {"(0, {})"}
    latency = answers.latency
    assert latency is not None and latency.requests == 4
    assert latency.median == pytest.approx(0.002) and 0.002 < latency.p95 < latency.p99 <= 0.008


def test_a_changed_or_lost_segment_is_named_and_counts_nothing(home: Home, tmp_path: Path) -> None:
    for change in ("other rows", "no rows", "no checkpoint"):
        copy = _copied(home, tmp_path / change)
        path = next(checkpoints(copy.predictions))
        if change == "no rows":
            table_of(path).unlink()
        else:
            (path if change == "no checkpoint" else table_of(path)).write_bytes(b"{")

        answers = answer_hours(copy, "prod", "credit", ASKED_AT)

        assert sum(hour.answered for hour in answers.hours) == 0 and answers.latency is None
        assert len(answers.unknown) == 1 and "does not count" in answers.unknown[0]


def test_without_a_log_or_its_key_nothing_is_known_and_nothing_is_zero(
    home: Home, tmp_path: Path
) -> None:
    none = answer_hours(Home(tmp_path / "none"), "prod", "credit", ASKED_AT)
    copy = _copied(home, tmp_path)
    copy.log_key.with_suffix(".pub").write_bytes(b"no key")
    damaged = answer_hours(copy, "prod", "credit", ASKED_AT)

    assert (none.hours, none.latency) == ((), None) and "no prediction log" in none.unknown[0]
    assert damaged.hours == () and "damaged" in damaged.unknown[0]


def test_what_the_monitor_found_has_owner_runbook_and_budget(home: Home) -> None:
    health = health_of(home)

    (live,) = health.live
    (finding,) = health.findings
    (drift,) = health.drift
    assert (live.release, live.percent) == (DIGEST, 100)
    assert finding.owner == health.owner == "risk <models>"
    assert health.runbook.startswith("https://wiki")
    assert drift.report.verdict.answer == "drift"
    assert drift.report.verdict.columns[0].name == "status"
    # The budget of this contract is 0.05 alarms a year; one came.
    assert drift.budget_left == pytest.approx(0.05 - 1)
    assert health.unknown == (
        "performance: labels are compared with probabilities only: credit has the task value",
    )


def test_each_source_that_cannot_be_read_is_unknown_by_name(home: Home, tmp_path: Path) -> None:
    other = Slot("r2", Digest.of(b"other"), 10)
    canary = replace(LIVE, slots=(replace(LIVE.slots[0], percent=90), other))
    assert any("cannot be opened" in each for each in health_of(home, deployment=canary).unknown)

    copy = _copied(home, tmp_path)
    (watch,) = copy.drift.rglob("*.json")
    content = watch.read_bytes()
    watch.write_bytes(b"{")
    assert any(each.startswith("drift: ") for each in health_of(copy).unknown)
    watch.unlink()
    assert any("no row of release" in each for each in health_of(copy).unknown)
    watch.write_bytes(content)
    (found,) = copy.findings.glob("*.json")
    found.write_bytes(b"{")
    assert any(each.startswith("findings: ") for each in health_of(copy).unknown)


def test_a_closed_finding_without_a_signature_stays_open(home: Home, tmp_path: Path) -> None:
    copy = _copied(home, tmp_path)
    (path,) = copy.findings.glob("*.json")
    text = path.read_text().replace('"state":"open"', '"state":"resolved"')
    path.write_text(text.replace('"resolved_by":""', '"resolved_by":"mallory"'))

    (finding,) = health_of(copy).findings

    assert "nobody signed" in finding.fault


def test_without_an_owner_nobody_is_named(home: Home) -> None:
    health = health_of(
        home, lambda stage, model: PerformanceReport(stage, model, "", (), 0, ()), owners=()
    )

    assert (health.owner, health.runbook, health.unknown) == ("", "", ())
    assert health.findings[0].owner == ""


def test_groups_stand_on_the_page_with_all_others_and_what_has_changed(
    home: Home, tmp_path: Path
) -> None:
    copy = _copied(home, tmp_path)
    stored = [
        StoredGroup("sex", "2", outcome, [[i, 30, 100, 20, 200] for i in range(days)])
        for outcome, days in (("decline", 30), ("accept", 3))
    ]
    state = GroupState("prod", "credit", DIGEST, 1.0, groups=stored)
    (copy.drift / "prod" / "credit" / "ab.groups").write_bytes(msgspec.json.encode(state))
    (path,) = copy.findings.glob("*.json")
    group = replace(load(copy.findings, path.stem), id="group-1", kind="group", feature="sex = 2")
    save(copy.findings, group)

    text = health_text(health_of(copy), with_charts=False)
    assert "decisions by group of " in text and "no proof of unfairness" in text
    rows = [line.split() for line in text.splitlines() if line.startswith("sex = 2")]
    assert rows[0] == ["sex", "=", "2", "decline", "700", "30.0%", "10.0%", "changed"]

    path.with_stem("group-1").unlink()
    text = health_text(health_of(copy), with_charts=False)
    rows = [line.split() for line in text.splitlines() if line.startswith("sex = 2")]
    assert rows[0][-1] == "10.0%"
    assert rows[1][-4:] == ["judged", "after", "20", "days"]


def test_a_file_of_groups_that_cannot_be_read_is_unknown(home: Home, tmp_path: Path) -> None:
    for name in ("ab.groups", "ab.refusals"):
        copy = _copied(home, tmp_path / name)
        (copy.drift / "prod" / "credit" / name).write_bytes(b"{")

        assert any(each.startswith("drift: ") and name in each for each in health_of(copy).unknown)
