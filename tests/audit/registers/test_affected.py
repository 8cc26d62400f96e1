"""Which releases contain a part: exact matches, past releases, and what nobody knows."""

import dataclasses
import json
from datetime import timedelta
from pathlib import Path

import pytest

from goldenpath.audit.registers.affected import AffectedRegister
from goldenpath.audit.registers.bill_of_materials import (
    BillPart,
    Match,
    PartQuery,
    bill_parts,
    match_of,
    parse_purl,
    parse_query,
)
from goldenpath.audit.registers.register_gathering import gather_affected
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.oci.descriptor import Descriptor
from goldenpath.promote.platform.alarm_rules import ModelOwner
from goldenpath.release.attest.policy import Verified
from goldenpath.release.attest.statement import SBOM
from goldenpath.release.evidence.advisories import read_advisories
from goldenpath.train.training_run import Package, TrainingRun
from tests.audit.registers.asking import records_of
from tests.promote.road import MODEL, Road, good_run

WHEEL = Digest.of(b"wheel")
FLAWED, MENDED = (Package("Flawed_Lib", each, (WHEEL.text,)) for each in ("1.2.0", "1.3"))


def _run(package: Package) -> TrainingRun:
    run = good_run()
    environment = dataclasses.replace(run.environment, packages=(package,))
    return dataclasses.replace(run, environment=environment)


class Stocked:
    """A past release with a flaw, a live one without it, and a third one that was never placed."""

    def __init__(self, folder: Path) -> None:
        self.road = road = Road(folder)
        owned = (ModelOwner("credit-risk team", models=(MODEL,)),)
        road.change_platform(dataclasses.replace(road.trusted().platform, owners=owned))
        self.past, self.standby, self.live, self.fresh = (
            road.release(name, _run(package))
            for name, package in (
                (b"one", FLAWED), (b"two", FLAWED), (b"three", MENDED), (b"four", FLAWED),
            )
        )  # fmt: skip
        for release in (self.past, self.standby, self.live):
            road.promote(release, "dev")
        road.store.tag(f"{MODEL}-0123456789ab", road.store.resolve(self.fresh.text))

    def ask(self, text: str) -> AffectedRegister:
        records = records_of(self.road, self.road.now)
        return gather_affected(records, self.road.home, parse_query(text))

    def blob(self, digest: Digest) -> Path:
        return self.road.home.registry / "blobs" / "sha256" / digest.hex


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Stocked:
    return Stocked(tmp_path_factory.mktemp("affected"))


def test_past_and_standing_releases_are_named_with_stage_and_owner(stocked: Stocked) -> None:
    register = stocked.ask("flawed-lib==1.2.0")

    states = {
        each.release: [(place.stage, place.state) for place in each.places]
        for each in register.affected
    }
    assert states == {
        stocked.past: [("dev", "past")], stocked.standby: [("dev", "standby")], stocked.fresh: [],
    }  # fmt: skip
    assert register.affected[0].release == stocked.standby, "what runs comes first"
    assert {each.owner for each in register.affected} == {"credit-risk team"}
    assert (register.free, register.could_not_find_out) == ((stocked.live,), ())


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ("pkg:pypi/flawed-lib@1.2.0", 3),
        ("pkg:pypi/Flawed_Lib@1.2", 3),
        ("FLAWED.LIB", 4),
        ("flawed-lib==1.3", 1),
        ("flawed-lib==1.2.1", 0),
        ("flawed", 0),
        ("pkg:npm/flawed-lib@1.2.0", 0),
        (WHEEL.text, 4),
        (Digest.of(b"other").text, 0),
    ],
)
def test_a_part_matches_exactly(stocked: Stocked, asked: str, count: int) -> None:
    assert len(stocked.ask(asked).affected) == count


def test_the_digest_of_a_release_finds_the_release(stocked: Stocked) -> None:
    (found,) = stocked.ask(stocked.live.text).affected

    assert found.release == stocked.live


def test_an_advisory_matches_the_versions_that_it_affects(stocked: Stocked, tmp_path: Path) -> None:
    span = {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.3"}]}
    package = {"ecosystem": "PyPI", "name": "flawed-lib"}
    advisory = {
        "id": "PYSEC-2026-7", "aliases": ["CVE-2026-0007"],
        "affected": [{"package": package, "ranges": [span]}],
    }  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps(advisory))
    advisories = read_advisories(tmp_path)
    named = advisories.named("cve-2026-0007")
    query = PartQuery("CVE-2026-0007", "advisory", advisories=advisories, named=named)

    register = gather_affected(records_of(stocked.road, stocked.road.now), stocked.road.home, query)

    assert named == {"PYSEC-2026-7"} and not advisories.named("CVE-2026-7000")
    releases = {each.release for each in register.affected}
    assert releases == {stocked.past, stocked.standby, stocked.fresh}
    assert any("other kinds" in line for line in register.beyond)


def test_a_release_whose_bill_cannot_be_read_is_an_answer_of_its_own(tmp_path: Path) -> None:
    made = Stocked(tmp_path)
    assert made.ask("flawed-lib==1.2.0").could_not_find_out == ()
    made.blob(_bill(made.road, made.live).digest).unlink()

    (unknown,) = made.ask("flawed-lib==1.2.0").could_not_find_out

    assert (unknown.release, unknown.is_live) == (made.live, True)
    assert unknown.unknown == "no bill of materials is signed by a key that counts"


def test_a_store_that_does_not_answer_is_not_a_no(stocked: Stocked) -> None:
    def unread(digest: Digest) -> Verified:
        raise Unavailable("the registry does not answer")

    records = dataclasses.replace(
        records_of(stocked.road, stocked.road.now), read_statements=unread
    )
    register = gather_affected(records, stocked.road.home, parse_query("flawed-lib"))

    assert (register.affected, register.free) == ((), ())
    assert len(register.could_not_find_out) == 4
    assert {each.unknown for each in register.could_not_find_out} == {
        "the registry does not answer"
    }


def test_what_was_not_there_yet_is_not_placed(stocked: Stocked) -> None:
    early = records_of(stocked.road, stocked.road.now - timedelta(days=1))

    register = gather_affected(early, stocked.road.home, parse_query("flawed-lib"))

    assert register.affected == ()
    assert {each.release for each in register.could_not_find_out} == {stocked.fresh}


def _bill(road: Road, release: Digest) -> Descriptor:
    kinds = (each for each in road.store.referrers(release))
    return next(each for each in kinds if SBOM in str(each.annotations))


def part(purl: str = "", **known: str) -> BillPart:
    return BillPart(known.get("name", ""), known.get("version", ""), purl, ())


@pytest.mark.parametrize(
    ("asked", "listed", "match"),
    [
        ("openssl==3.0", part("pkg:deb/debian/openssl@3.0?arch=amd64"), "contains"),
        ("openssl==3", part("pkg:deb/debian/openssl@3.0?arch=amd64"), ""),
        ("pkg:deb/debian/openssl", part("pkg:deb/debian/openssl@3.0?arch=amd64"), "contains"),
        ("pkg:deb/ubuntu/openssl", part("pkg:deb/debian/openssl@3.0"), ""),
        ("pkg:deb/debian/openssl?arch=arm64", part("pkg:deb/debian/openssl@3?arch=amd64"), ""),
        ("pkg:pypi/a@1%2Blocal", part("pkg:pypi/a@1+local"), "contains"),
        ("a==1.0.post1", part("pkg:pypi/a@1.0"), ""),
        ("a==2", part(name="a"), "may contain"),
        ("pkg:pypi/a@2", part(name="a", version="2"), "may contain"),
        ("pkg:pypi/a@2", part(name="a", version="3"), ""),
        ("a==2", part("pkg:pypi/a@1", version="2"), "contains"),
        ("b", part("pkg:pypi/a@1", name="a"), ""),
    ],
)
def test_names_and_versions_are_compared_part_by_part(
    asked: str, listed: BillPart, match: Match
) -> None:
    assert match_of(listed, parse_query(asked)) == match


def test_parts_inside_parts_are_read_and_depth_is_bounded() -> None:
    inner: dict[str, object] = {"name": "inner", "version": "1"}
    nested = json.loads(json.dumps({"components": [{"name": "outer", "components": [inner]}]}))
    assert [each.name for each in bill_parts(nested)] == ["outer", "inner"]
    for _ in range(20):
        inner = {"name": "more", "components": [inner]}

    bills: list[dict[str, object]] = [
        {"components": [inner]}, {"components": {}}, {}, {"components": ["x"]},
    ]  # fmt: skip
    for wrong in bills:
        with pytest.raises(InvalidInput):
            bill_parts(json.loads(json.dumps(wrong)))


@pytest.mark.parametrize("text", ["", "a b", "pkg:pypi", "pkg:/x", "sha256:xyz", "a==", "a<2"])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_query(text)
    assert parse_purl(text) is None
