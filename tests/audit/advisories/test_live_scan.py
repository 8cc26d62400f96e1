"""What is live against advisories: findings with a limit, closed by VEX statements until a day."""

import dataclasses
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from goldenpath.audit.advisories.advisory_findings import (
    VexDesk,
    raised_before,
    update_findings,
    with_vex,
)
from goldenpath.audit.advisories.live_exposure import Exposure, exposures, live_releases
from goldenpath.audit.advisories.severity_limits import UNREAD
from goldenpath.audit.advisories.vex_statement import VEX, VexClaim, vex_statement
from goldenpath.audit.alarms.closing import ListedFinding, listed
from goldenpath.audit.health.monitor_evidence import monitor_view
from goldenpath.audit.registers.finding_limits import owed
from goldenpath.audit.registers.register_gathering import gather_register
from goldenpath.cli import findings
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.observe.drift.findings import DriftFinding, load
from goldenpath.promote.platform.alarm_rules import ModelOwner
from goldenpath.release.attest.attach import attach_ssh
from goldenpath.release.attest.policy import Verified
from goldenpath.release.evidence.advisories import read_advisories
from goldenpath.train.training_run import Package
from tests.audit.registers.asking import records_of
from tests.promote.road import MODEL, Road, good_run

HIGH = {"severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}]}
REASON = "the flawed function is never called with data of a caller"


def advise(folder: Path, name: str, fixed: str, **more: object) -> None:
    span = {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}
    package = {"ecosystem": "PyPI", "name": "flawed-lib"}
    advisory = {"id": name, "affected": [{"package": package, "ranges": [span]}], **more}
    (folder / f"{name}.json").write_text(json.dumps(advisory))


class Scanned:
    """A live release with a flawed package, and advisories about it."""

    def __init__(self, folder: Path) -> None:
        self.road = road = Road(folder / "road", now=datetime.now(UTC) - timedelta(minutes=9))
        owned = (ModelOwner("credit-risk team", models=(MODEL,)),)
        road.change_platform(dataclasses.replace(road.trusted().platform, owners=owned))
        run = good_run()
        flawed = (Package("Flawed_Lib", "1.2.0", ()),)
        environment = dataclasses.replace(run.environment, packages=flawed)
        self.release = road.release(b"one", dataclasses.replace(run, environment=environment))
        road.promote(self.release, "dev")
        self.folder = folder / "advisories"
        self.folder.mkdir()
        advise(self.folder, "PYSEC-2026-7", "1.3", aliases=["CVE-2026-0007"], **HIGH)
        advise(self.folder, "PYSEC-2026-1", "1.2")

    def ask(self, *words: str) -> Result:
        environment = {
            "GOLDENPATH_HOME": str(self.road.home.root),
            "GOLDENPATH_ADVISORIES": str(self.folder),
        }
        return CliRunner().invoke(findings.verb, words, env=environment)

    def vex(self, *words: str, who: str = "validator") -> Result:
        acting = ["--as", who, "--key", str(self.road.folder / who), "--reason", REASON]
        return self.ask("vex", *words, *acting)

    def finding(self) -> DriftFinding:
        (path,) = self.road.home.findings.glob("advisory-*.json")
        return load(self.road.home.findings, path.stem)

    def desk(self, moment: datetime) -> VexDesk:
        records = records_of(self.road, moment)
        return VexDesk(records.trusted.platform, records.statements, moment)

    def listed(self, moment: datetime) -> ListedFinding:
        finding, people = self.finding(), self.road.trusted().platform.people
        known = with_vex(listed(self.road.home.findings, finding, people), self.desk(moment))
        return owed(known, self.road.trusted().platform.owners, moment)

    def open_in_register(self, moment: datetime) -> list[str]:
        register = gather_register(records_of(self.road, moment), self.road.home)
        return [each.kind for system in register.systems for each in system.findings]


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scanned]:
    yield Scanned(tmp_path_factory.mktemp("scanned"))


def test_a_scan_raises_a_finding_with_owner_and_limit_by_severity(scanned: Scanned) -> None:
    result = scanned.ask("scan")

    assert (result.exit_code, result.exception.__class__) == (7, SystemExit)
    line = "dev/credit-default Flawed_Lib==1.2.0 falls under PYSEC-2026-7 (severity high, 7.5)"
    assert line in result.stdout.replace("flawed-lib", "Flawed_Lib")
    assert "PYSEC-2026-1" not in result.stdout
    known = scanned.listed(datetime.now(UTC))
    opened = datetime.fromisoformat(known.finding.opened_at)
    assert (known.owner, known.is_open) == ("credit-risk team", True)
    assert datetime.fromisoformat(known.due) == opened + timedelta(days=30)
    assert scanned.listed(opened + timedelta(days=31)).is_overdue
    assert "advisory" in scanned.open_in_register(datetime.now(UTC))
    assert "PYSEC-2026-7" in scanned.ask("list").stdout


def test_a_second_scan_raises_nothing_again(scanned: Scanned) -> None:
    before = scanned.finding()
    assert scanned.ask("scan").exit_code == 7

    assert scanned.finding() == before
    assert list(raised_before(scanned.road.home.events)) == [before.id]


def test_a_removed_file_comes_back_with_its_first_time(scanned: Scanned) -> None:
    before = scanned.finding()
    (scanned.road.home.findings / f"{before.id}.json").unlink()
    scanned.ask("scan")

    assert scanned.finding() == before


@pytest.mark.parametrize(
    ("words", "who", "message"),
    [
        (["--until", "2020-01-01"], "validator", "must end after now and within a year"),
        (["--until", "2099-01-01"], "validator", "must end after now and within a year"),
        (["--status", "fixed"], "validator", "belongs to the status not_affected"),
    ],
)
def test_a_statement_that_could_not_count_is_not_signed(
    scanned: Scanned, words: list[str], who: str, message: str
) -> None:
    day = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    given = ["--justification", "vulnerable_code_not_present", "--until", day, *words]

    result = scanned.vex(scanned.finding().id, *given, who=who)

    assert isinstance(result.exception, InvalidInput) and message in result.exception.message


def test_a_finding_about_an_advisory_is_closed_by_no_other_word(scanned: Scanned) -> None:
    key = scanned.road.folder / "validator"
    words = ["close", scanned.finding().id, "--as", "validator", "--key", str(key)]

    result = scanned.ask(*words, "--reason", REASON)

    assert isinstance(result.exception, InvalidInput)
    assert "only a VEX statement closes it" in result.exception.message


def test_a_vex_statement_closes_a_finding_until_its_day(scanned: Scanned) -> None:
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=30)
    words = ["--justification", "vulnerable_code_not_in_execute_path", "--until", f"{day:%Y-%m-%d}"]
    assert scanned.listed(datetime.now(UTC)).is_open

    result = scanned.vex(scanned.finding().id, *words)

    assert result.exit_code == 0, result.exception
    now = datetime.now(UTC)
    assert not scanned.listed(now).is_open, "at once, and without another scan"
    assert scanned.open_in_register(now) == []
    assert "validator signed not_affected, until" in scanned.ask("list").stdout
    ended = scanned.listed(day + timedelta(seconds=1))
    assert ended.is_open and f"it ended on {day:%Y-%m-%d}" in ended.fault
    scanned.ask("scan")
    assert scanned.finding().resolved_by == "vex"
    again = scanned.listed(day + timedelta(seconds=1))
    assert again.is_open, "although the file says that it is resolved"
    (reopened,) = update_findings(
        scanned.road.home.findings,
        exposed(scanned),
        lambda name: (),
        scanned.desk(day + timedelta(seconds=1)),
        first={},
    )
    assert reopened.state == "open" and reopened.opened_at == again.finding.opened_at


def test_the_gate_counts_a_finding_as_open_but_for_the_time_of_its_statement(
    scanned: Scanned,
) -> None:
    now = datetime.now(UTC)
    platform, home = scanned.road.trusted().platform, scanned.road.home
    (alone,) = monitor_view(home, platform, MODEL).findings
    (known,) = monitor_view(home, platform, MODEL, scanned.desk(now)).findings
    assert alone.is_open(now) and not known.is_open(now)
    assert known.open_again is not None and known.is_open(known.open_again)
    late = known.open_again + timedelta(days=1)

    (later,) = monitor_view(home, platform, MODEL, scanned.desk(late)).findings

    assert later.is_open(late) and not later.is_open(now), "it was closed when something entered"
    file = home.findings / f"{alone.id}.json"
    before = file.read_bytes()
    file.unlink()
    try:
        (lost,) = monitor_view(home, platform, MODEL, scanned.desk(now)).findings
    finally:
        file.write_bytes(before)
    assert lost.is_open(now) and lost.kind == "advisory", "a lost file opens no gate"


def exposed(scanned: Scanned) -> list[Exposure]:
    records = records_of(scanned.road, datetime.now(UTC))
    live = live_releases(records.history())
    return list(exposures(read_advisories(scanned.folder), live, records.statements))


def claim(
    scanned: Scanned, stage: str = "dev", model: str = MODEL, advisory: str = "CVE-2026-0007"
) -> VexClaim:
    until = datetime.now(UTC) + timedelta(days=9)
    return VexClaim(
        scanned.release, stage, model, advisory, "not_affected", "component_not_present", REASON,
        until,
    )  # fmt: skip


def test_a_statement_about_something_else_closes_nothing(tmp_path: Path) -> None:
    other = Scanned(tmp_path)
    other.ask("scan")
    road, now = other.road, datetime.now(UTC)
    image = road.store.resolve(other.release.text)
    strangers = (
        (claim(other, stage="test"), "validator"),
        (claim(other, model="other"), "validator"),
        (claim(other, advisory="CVE-2026-0008"), "validator"),
    )
    for each, who in strangers:
        attach_ssh(road.store, image, vex_statement(each, who, now), road.people[who].key, now=now)
    good = vex_statement(claim(other), "validator", now)
    text = json.dumps(good.predicate)
    for status in ("affected", "under_investigation", "", "not_affected "):
        wrong = json.loads(text.replace('"not_affected"', f'"{status}"'))
        statement = dataclasses.replace(good, predicate=wrong)
        attach_ssh(road.store, image, statement, road.people["validator"].key, now=now)
    assert other.listed(now + timedelta(minutes=1)).is_open

    attach_ssh(road.store, image, good, road.people["validator"].key, now=now)

    assert good.predicate_type == VEX
    assert not other.listed(now + timedelta(minutes=1)).is_open, "the alias names it as well"


def test_what_cannot_be_read_is_a_finding_and_ends_none(scanned: Scanned) -> None:
    def unread(digest: Digest) -> Verified:
        raise Unavailable("the registry does not answer")

    records = records_of(scanned.road, datetime.now(UTC))
    live = live_releases(records.history())
    (exposure,) = exposures(read_advisories(scanned.folder), live, unread)
    assert exposure.advisory == UNREAD and exposure.size == 10.0
    desk = VexDesk(records.trusted.platform, unread, records.moment)
    before = scanned.finding().id

    changed = list(
        update_findings(scanned.road.home.findings, (exposure,), lambda name: (), desk, first={})
    )

    assert [each.id for each in changed] == [exposure.id]
    assert load(scanned.road.home.findings, before).resolved_by != "monitor"
