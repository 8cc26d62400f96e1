"""`goldenpath report` and `goldenpath at` on a real platform: registry, git, audit log."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from goldenpath.audit.events.event import Event
from goldenpath.audit.events.event_log import EventLog
from goldenpath.cli import at, report
from goldenpath.errors import InvalidInput, NotFound
from goldenpath.home import HOME_VARIABLE, Home
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.release.attest.keys import PemSigner
from goldenpath.settings import project_environment
from tests.audit.made import PROMOTED, Made, lived, make_release
from tests.audit.platform import FOUNDED, Grounds
from tests.release.attest.releases import NOW


@dataclass(frozen=True, slots=True)
class Live:
    """A platform on which a release ran for an hour."""

    home: Home
    made: Made

    @property
    def environment(self) -> dict[str, str]:
        return {HOME_VARIABLE: str(self.home.root)}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("platform")
    grounds = Grounds(folder, project_environment(os.environ, "python3"))
    home = grounds.home
    made = make_release(
        folder, place=LayoutStore(home.registry), key=PemSigner.load(home.build_key)
    )
    grounds.list_people(made.people, FOUNDED)
    approvers = tuple(person.name for person in made.people)
    grounds.deploy("prod", {made.image.digest: 100}, PROMOTED, approved_by=approvers)
    log = EventLog(home.events)
    for event in lived(made):
        log.append(event)
    yield Live(home, made)


def test_a_report_is_written_whole_and_the_same_each_time(live: Live, tmp_path: Path) -> None:
    digest = live.made.image.digest.text
    moment = (PROMOTED + timedelta(hours=3)).isoformat()

    def write(name: str) -> Result:
        options = [digest, "--as-of", moment, "--file", str(tmp_path / name)]
        return CliRunner().invoke(report.verb, options, env=live.environment)

    assert write("one.md").exit_code == 0
    assert "PROVEN" in write("two.md").stdout
    first = (tmp_path / "one.md").read_bytes()
    EventLog(live.home.events).append(
        Event("2026-11-24T00:00:00.000000Z", "platform.started", "system")
    )
    assert write("two.md").exit_code == 0
    assert first == (tmp_path / "two.md").read_bytes()
    assert b"**CONTRADICTED**" in first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.md", "two.md"]


def test_a_report_is_data_too(live: Live) -> None:
    digest = live.made.image.digest.text

    result = CliRunner().invoke(report.verb, [digest, "--output", "json"], env=live.environment)

    made = json.loads(result.stdout)
    fields = {field["number"]: field["status"] for field in made["fields"]}
    assert made["digest"] == digest
    assert fields["2.13"] == "PROVEN"
    assert fields["6.1"] == "PROVEN"
    assert fields["10.3"] == "OBSERVED"


def test_a_report_before_the_promotion_knows_nothing_of_it(live: Live) -> None:
    options = [live.made.image.digest.text, "--output", "json", "--as-of"]
    early = (PROMOTED - timedelta(minutes=30)).isoformat()

    result = CliRunner().invoke(report.verb, [*options, early], env=live.environment)

    fields = {field["number"]: field["status"] for field in json.loads(result.stdout)["fields"]}
    assert fields["6.1"] == "NOT YET OBSERVABLE"
    assert fields["10.3"] == "NOT YET OBSERVABLE"


def test_what_was_signed_later_was_not_known(live: Live) -> None:
    options = [live.made.image.digest.text, "--output", "json", "--as-of"]
    before, after = (NOW + timedelta(minutes=minutes) for minutes in (-1, 1))

    def status(moment: datetime, field: str) -> str:
        asked = [*options, moment.isoformat()]
        made = json.loads(CliRunner().invoke(report.verb, asked, env=live.environment).stdout)
        return next(str(each["status"]) for each in made["fields"] if each["number"] == field)

    assert (status(before, "2.28"), status(after, "2.28")) == ("MISSING", "PROVEN")
    assert (status(before, "2.23"), status(after, "2.23")) == ("MISSING", "PROVEN")


def test_a_report_on_nothing_is_refused(live: Live) -> None:
    result = CliRunner().invoke(report.verb, ["sha256:" + "0" * 64], env=live.environment)

    assert isinstance(result.exception, NotFound)


def test_what_was_live_names_release_people_and_commit(live: Live) -> None:
    moment = (PROMOTED + timedelta(minutes=30)).isoformat()

    text = CliRunner().invoke(at.verb, [moment, "--stage", "prod"], env=live.environment).stdout

    assert live.made.image.digest.text in text
    assert "approved by manager, validator" in text
    assert "signed by   platform-engineer" in text
    assert "intended and observed agree" in text


def test_what_was_live_is_data_too(live: Live) -> None:
    moment = (PROMOTED + timedelta(hours=2)).isoformat()

    result = CliRunner().invoke(at.verb, [moment, "--output", "json"], env=live.environment)

    (found,) = json.loads(result.stdout)
    assert [each["kind"] for each in found["mismatches"]] == ["intended but not live"]


@pytest.mark.parametrize("time", ["yesterday", "2099-01-01T00:00:00Z"])
def test_no_time_and_no_future_time_is_refused(live: Live, time: str) -> None:
    result = CliRunner().invoke(at.verb, [time], env=live.environment)

    assert isinstance(result.exception, InvalidInput)
