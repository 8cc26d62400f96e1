"""The register of systems: what commits and statements say, and what nobody knows."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from goldenpath.audit.events.event import Event
from goldenpath.audit.events.event_log import EventLog
from goldenpath.audit.registers.register_gathering import gather_register
from goldenpath.audit.registers.system_register import SystemRecord
from goldenpath.digest import Digest
from goldenpath.errors import Unavailable
from goldenpath.home import Home
from goldenpath.observe.drift.findings import close, save
from goldenpath.promote.manifests.deployment_files import deployment_folder
from goldenpath.promote.platform.alarm_rules import ModelOwner
from goldenpath.release.attest.policy import Verified
from tests.audit.alarms.examples import finding
from tests.audit.registers.asking import PROJECT, records_of
from tests.promote.road import MODEL, START, Road


class PlacedModels:
    """A model in every stage, another one only in dev, and the moments between."""

    def __init__(self, folder: Path) -> None:
        self.road = road = Road(folder)
        owned = (ModelOwner("credit-risk team", models=(MODEL,)),)
        road.change_platform(replace(road.trusted().platform, owners=owned))
        self.release = road.release(extra={"goldenpath.toml": PROJECT})
        road.promote(self.release, "dev")
        self.in_dev = road.now
        road.promote(self.release, "test")
        road.approve(self.release, "validator", "risk-manager")
        assert road.promote(self.release, "prod").commit
        self.in_prod = road.now
        self.other = road.release(b"other", model="other")
        road.promote(self.other, "dev")

    def systems(self, home: Home | None = None, **passed: int) -> dict[str, SystemRecord]:
        moment = self.road.now + timedelta(**passed)
        register = gather_register(records_of(self.road, moment), home or self.road.home)
        return {each.model: each for each in register.systems}


@pytest.fixture(scope="module")
def placed(tmp_path_factory: pytest.TempPathFactory) -> PlacedModels:
    return PlacedModels(tmp_path_factory.mktemp("register"))


def test_a_system_has_its_tier_owner_first_service_and_stages(placed: PlacedModels) -> None:
    system = placed.systems()[MODEL]

    assert (system.tier.value, system.owner.value) == ("low", "credit-risk team")
    assert system.tier.source == f"goldenpath.toml in {placed.release.short}"
    assert system.declared_owner.value or system.declared_owner.unknown
    assert system.first_service.value == placed.in_prod.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert [(each.stage, each.state) for each in system.stages] == [
        ("dev", "live"), ("test", "live"), ("prod", "live"),
    ]  # fmt: skip
    assert {release.digest for each in system.stages for release in each.releases} == {
        placed.release
    }
    assert {each.signer for each in system.stages} == {"platform-engineer"}
    assert system.findings == ()


def test_what_nobody_wrote_is_unknown_with_the_reason(placed: PlacedModels) -> None:
    other = placed.systems()["other"]

    assert other.tier.unknown == f"{placed.other.short} declares no tier"
    assert other.owner.unknown == "platform.toml names no owner for it"
    assert other.first_service.unknown == "no commit gave it traffic in prod yet"
    assert other.tier.value == other.owner.value == other.first_service.value == ""


def test_the_register_of_an_earlier_time_knows_nothing_of_later_commits(
    placed: PlacedModels,
) -> None:
    register = gather_register(records_of(placed.road, placed.in_dev), placed.road.home)

    (system,) = register.systems
    assert [each.stage for each in system.stages] == ["dev"]
    assert system.first_service.unknown
    before = gather_register(records_of(placed.road, START - timedelta(days=1)), placed.road.home)
    assert before.systems == ()


def test_a_release_that_is_gone_makes_facts_unknown_and_hides_no_system(tmp_path: Path) -> None:
    made = PlacedModels(tmp_path)
    assert made.systems()[MODEL].tier.value == "low"
    blob = made.road.home.registry / "blobs" / "sha256" / made.release.hex
    blob.unlink()

    system = made.systems()[MODEL]

    assert system.tier.value == "" and made.release.short in system.tier.unknown
    assert [each.stage for each in system.stages] == ["dev", "test", "prod"]


def test_approvals_that_cannot_be_read_are_a_finding(placed: PlacedModels) -> None:
    def unread(digest: Digest) -> Verified:
        raise Unavailable(f"the registry does not answer about {digest.short}")

    records = replace(records_of(placed.road, placed.road.now), read_statements=unread)
    system, _ = gather_register(records, placed.road.home).systems

    assert [(each.stage, each.kind) for each in system.findings] == [
        ("prod", "approvals not known")
    ]
    assert "does not answer" in system.tier.unknown and not system.tier.value


def test_a_release_that_nobody_signed_declares_nothing(tmp_path: Path) -> None:
    made = PlacedModels(tmp_path)
    records = records_of(made.road, made.road.now)
    strangers = replace(
        records, read_statements=lambda digest: replace(
            records.read_statements(digest),
            findings=tuple(
                replace(each, status="fail", message="no trusted key signed it")
                for each in records.read_statements(digest).findings
            ),
        ),
    )  # fmt: skip

    (system, _) = gather_register(strangers, made.road.home).systems

    assert "no trusted key signed it" in system.tier.unknown and not system.tier.value


def test_the_finding_that_is_open_longest_comes_first(placed: PlacedModels, tmp_path: Path) -> None:
    home = Home(tmp_path)
    opened = [
        replace(
            finding(number), model=MODEL, stage="prod",
            opened_at=(placed.road.now - timedelta(seconds=number)).isoformat(),
        )
        for number in (1, 3, 2)
    ]  # fmt: skip
    for each in opened:
        save(home.findings, each)
    close(home.findings, opened[1].id, "somebody", "by hand", now=placed.road.now)

    found = placed.systems(home)[MODEL].findings

    # The second was closed without a listed person's signature, so it is open.
    assert [each.since.isoformat() for each in found] == [
        opened[number].opened_at for number in (1, 2, 0)
    ]
    assert (
        placed.systems(home, seconds=-2)[MODEL].findings[0].since.isoformat() == opened[1].opened_at
    )


def test_a_model_that_ran_without_a_commit_is_named(placed: PlacedModels, tmp_path: Path) -> None:
    home = Home(tmp_path)
    time = "2026-11-22T10:00:00.000000Z"
    for model in ("smuggled", MODEL):
        EventLog(home.events).append(
            Event(time, "server.ready", "system", "prod", model, Digest.of(b"x").text)
        )

    beyond = gather_register(records_of(placed.road, placed.road.now), home).beyond

    strange = [line for line in beyond if "no commit had placed it" in line]
    assert strange == [f"prod/smuggled ran on this machine at {time}, but no commit had placed it"]


def test_a_removed_system_stays_in_the_register(tmp_path: Path) -> None:
    made = PlacedModels(tmp_path)
    road, folder = made.road, deployment_folder("dev", "other")
    files = road.repository.files(road.trusted().commit, folder)
    engineer = road.people["platform-engineer"]
    road.repository.commit(
        road.trusted().commit, dict.fromkeys(files), "dev: remove other", engineer.name,
        key=engineer.key, now=road.now,
    )  # fmt: skip

    (stage,) = made.systems(minutes=1)["other"].stages

    assert stage.state == "removed"
    assert [each.digest for each in stage.releases] == [made.other]


def test_what_is_live_beyond_its_review_date_is_a_finding_with_an_owner(
    placed: PlacedModels,
) -> None:
    """The texts of the road are to be reviewed by 1 January 2027."""
    days = (datetime(2027, 1, 1, 23, tzinfo=UTC) - placed.road.now).days
    assert placed.systems(days=days)[MODEL].findings == ()

    findings = placed.systems(days=days + 2)[MODEL].findings

    assert {(each.kind, each.stage) for each in findings} == {
        ("review overdue", stage) for stage in ("dev", "test", "prod")
    }
    assert findings[0].since == datetime(2027, 1, 2, tzinfo=UTC)
    assert {
        "compliance/card.md was to be reviewed by 2027-01-01; its owner is data-scientist",
        "compliance/system.yaml was to be reviewed by 2027-01-01; its owner is data-scientist",
    } <= {each.message for each in findings}


@pytest.mark.parametrize("review", ["soon", "2026-13-40", ""])
def test_a_review_date_that_nobody_can_read_has_passed(tmp_path: Path, review: str) -> None:
    road = Road(tmp_path)
    roles = f"owner: data-scientist\nreview_by: {review}\n".encode()
    release = road.release(extra={"compliance/roles.yaml": roles})
    assert road.promote(release, "dev").commit

    register = gather_register(records_of(road, road.now), road.home)

    (finding,) = register.systems[0].findings
    assert finding.kind == "review overdue"
    assert finding.source == f"compliance/roles.yaml in {release.short}"
