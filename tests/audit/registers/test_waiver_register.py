"""The register of waivers: what was signed, what relied on it, and what is lost."""

import dataclasses
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from goldenpath.audit.registers.register_gathering import gather_register, gather_waivers
from goldenpath.audit.registers.waiver_register import RecordedWaiver
from goldenpath.digest import Digest
from goldenpath.errors import Unavailable
from goldenpath.promote.workspace.stage_changes import waive
from goldenpath.release.attest.policy import Verified
from goldenpath.train.training_run import Metric
from tests.audit.registers.asking import records_of
from tests.promote.road import METRICS, MODEL, Road, good_run

REASON = "the validation group reviewed the shift in note 12"
BAD = Metric("roc_auc", 0.86, 0.84, 0.88, 500)


class Waived:
    """A weak release that came to prod by two waivers, one of which nothing else relies on."""

    def __init__(self, folder: Path) -> None:
        self.road = road = Road(folder)
        run = dataclasses.replace(good_run(), metrics=(BAD, *METRICS[1:]))
        self.release = road.release(b"weak", run)
        road.promote(self.release, "dev")
        self.before = road.now
        other = road.release(b"other", run)
        road.store.tag(f"{MODEL}-0123456789ab", road.store.resolve(other.text))
        self.unused = self._waive("prod", days=90, release=other)
        self.for_test = self._waive("test", days=30)
        road.promote(self.release, "test")
        self.for_prod = self._waive("prod", days=60)
        road.pass_time(minutes=1)
        road.approve(self.release, "validator", "risk-manager")
        outcome = road.promote(self.release, "prod")
        assert outcome.commit, outcome.decision
        self.commit = outcome.commit

    def _waive(self, stage: str, days: int, release: Digest | None = None) -> Digest:
        self.road.pass_time(minutes=1)
        until = self.road.now + timedelta(days=days)
        outcome = waive(
            self.road.desk("validator"), release or self.release, "thresholds", stage,
            reason=REASON, until=until,
        )  # fmt: skip
        assert outcome.envelope is not None
        return outcome.envelope

    def register(self, moment: datetime | None = None) -> Mapping[Digest, RecordedWaiver]:
        records = records_of(self.road, moment or self.road.now)
        return {each.envelope: each for each in gather_waivers(records, self.road.home).waivers}


@pytest.fixture(scope="module")
def waived(tmp_path_factory: pytest.TempPathFactory) -> Waived:
    return Waived(tmp_path_factory.mktemp("waivers"))


def test_a_waiver_is_listed_with_who_why_until_and_its_promotion(waived: Waived) -> None:
    register = waived.register()

    assert set(register) == {waived.for_test, waived.for_prod, waived.unused}
    waiver = register[waived.for_prod]
    assert (waiver.standing, waiver.by, waiver.reason) == ("open", "validator", REASON)
    assert (waiver.model, waiver.stage, waiver.gate) == (MODEL, "prod", "thresholds")
    (use,) = [each for each in waiver.used_by if each.commit]
    assert (use.commit, use.by, use.is_live) == (waived.commit, "platform-engineer", True)


def test_expired_waivers_stay_and_are_a_finding_while_their_release_is_live(
    waived: Waived,
) -> None:
    road = waived.road
    later = road.now + timedelta(days=45)

    register = waived.register(later)
    (system,) = gather_register(records_of(road, later), road.home).systems

    standings = {each: waiver.standing for each, waiver in register.items()}
    assert standings == {
        waived.for_test: "expired", waived.for_prod: "open", waived.unused: "open",
    }  # fmt: skip
    assert list(register)[-1] == waived.for_test, "the open ones come first"
    expired = [each for each in system.findings if each.kind != "review overdue"]
    assert [(each.kind, each.stage) for each in expired] == [("waiver expired", "test")]
    (now,) = gather_register(records_of(road, road.now), road.home).systems
    assert now.findings == ()


def test_a_waiver_is_not_known_before_it_was_signed(waived: Waived) -> None:
    assert waived.register(waived.before) == {}


def test_a_waiver_that_is_gone_stays_by_the_decision_that_relied_on_it(tmp_path: Path) -> None:
    made = Waived(tmp_path)
    assert made.register()[made.for_prod].standing == "open"
    (made.road.home.registry / "blobs" / "sha256" / made.for_prod.hex).unlink()

    register = made.register()

    waiver = register[made.for_prod]
    assert (waiver.standing, waiver.stage) == ("gone", "prod")
    assert waiver.note == "a decision relied on it, and it is not there"
    assert [each.commit for each in waiver.used_by if each.commit] == [made.commit]
    (system,) = gather_register(records_of(made.road, made.road.now), made.road.home).systems
    assert ("waiver gone", "prod") in [(each.kind, each.stage) for each in system.findings]


def test_a_release_whose_statements_cannot_be_read_is_named(waived: Waived) -> None:
    def unread(digest: Digest) -> Verified:
        raise Unavailable("the registry does not answer")

    records = dataclasses.replace(records_of(waived.road, waived.road.now), read_statements=unread)
    register = gather_waivers(records, waived.road.home)

    assert register.waivers == ()
    assert len(register.unknown) == 2
    assert any(str(waived.release) in line for line in register.unknown)
