"""The statement that a follower admitted a release: who may sign it, about what, and how long."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from goldenpath.canonical import JsonValue
from goldenpath.deploy.reconcile.admission_statement import (
    VALID,
    AdmissionCase,
    StandingAdmission,
    admission_due,
    standing_admission,
)
from goldenpath.digest import Digest
from goldenpath.oci.manifest import Manifest
from goldenpath.oci.store import read
from goldenpath.release.attest.attach import attach, attach_ssh
from goldenpath.release.attest.keys import PemSigner, key_from_pem, public_pem
from goldenpath.release.attest.media_types import BUNDLE, PREDICATE_TYPE
from goldenpath.release.attest.policy import Finding, TrustedKey
from goldenpath.release.attest.signatures.signer import Signer
from goldenpath.release.attest.statement import Statement
from tests.promote.road import START, Road
from tests.release.attest.releases import new_signer

COMMIT = "c" * 40


class Scene:
    """A release in a store, an admission key, and others that would like to admit it."""

    def __init__(self, folder: Path) -> None:
        self.road = Road(folder)
        self.digest = self.road.release()
        self.signer = new_signer()
        self.keys: tuple[TrustedKey, ...] = (key_from_pem("follower", public_pem(self.signer)),)
        self.said = StandingAdmission(
            self.digest, "prod", "credit-default", COMMIT, START + timedelta(days=3)
        )

    def sign(self, statement: Statement, signer: Signer | None = None) -> None:
        image = self.road.store.resolve(self.digest.text)
        attach(self.road.store, image, statement, signer or self.signer, now=START)

    def standing(self, stage: str = "prod", days: int = 0) -> StandingAdmission | None:
        now = START + timedelta(days=days)
        return standing_admission(self.road.store, self.digest, stage, keys=self.keys, now=now)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_what_the_key_signed_counts_in_its_stage_until_it_ends(scene: Scene) -> None:
    assert scene.standing() is None

    scene.sign(scene.said.statement())

    assert scene.standing() == scene.said
    assert scene.standing("test") is None
    assert scene.standing(days=2) == scene.said
    assert scene.standing(days=3) is None


def test_the_one_that_lasts_longest_counts(scene: Scene) -> None:
    later = replace(scene.said, expires=START + timedelta(days=9))
    for each in (later, scene.said):
        scene.sign(each.statement())

    assert scene.standing() == later


def test_neither_a_build_key_nor_a_stranger_nor_a_person_admits(scene: Scene) -> None:
    road = scene.road
    scene.sign(scene.said.statement(), road.signer)
    scene.sign(scene.said.statement(), new_signer())
    image, person = road.store.resolve(scene.digest.text), road.people["validator"]
    attach_ssh(road.store, image, scene.said.statement(), person.key, now=START)

    assert scene.standing() is None


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2}, {"stage": "dev"}, {"stage": None}, {"expires": "soon"}, {"expires": None},
        {"commit": ""}, {"model": 7},
    ],
)  # fmt: skip
def test_a_statement_that_says_less_or_something_else_does_not_count(
    scene: Scene, change: dict[str, JsonValue]
) -> None:
    honest = scene.said.statement()
    scene.sign(replace(honest, predicate={**honest.predicate, **change}))

    assert scene.standing() is None


def test_a_statement_about_several_releases_admits_none(scene: Scene) -> None:
    honest = scene.said.statement()
    scene.sign(replace(honest, subjects=(scene.digest, Digest.of(b"another"))))

    assert scene.standing() is None


def test_a_key_that_is_revoked_admits_nothing(scene: Scene) -> None:
    scene.sign(scene.said.statement())
    scene.keys = (replace(scene.keys[0], revoked_at=START),)

    assert scene.standing() is None


def test_cosign_finds_it_as_a_bundle_with_the_type_of_its_stage(scene: Scene) -> None:
    before = {each.digest for each in scene.road.store.referrers(scene.digest)}
    scene.sign(scene.said.statement())

    (new,) = (e for e in scene.road.store.referrers(scene.digest) if e.digest not in before)
    manifest = Manifest.parse(read(scene.road.store, new, 1 << 20))
    assert (new.artifact_type, [each.media_type for each in manifest.layers]) == (BUNDLE, [BUNDLE])
    kind = "https://goldenpath.example/attestation/admitted/v1/prod"
    assert new.annotations[PREDICATE_TYPE] == kind


def case(*statuses: str, standing: StandingAdmission | None = None) -> AdmissionCase:
    findings = tuple(Finding("gate", each, "said") for each in statuses)  # type: ignore[arg-type]
    return AdmissionCase("prod", "credit-default", Digest.of(b"one"), findings, standing)


def test_what_is_admitted_gets_a_statement_and_a_new_one_in_time() -> None:
    signed = admission_due(case("pass", "waived"), COMMIT, START)

    assert signed is not None
    assert (signed.commit, signed.expires) == (COMMIT, START + VALID)
    kept = case("pass", standing=signed)
    assert admission_due(kept, COMMIT, START + VALID * 0.49) is None
    renewed = admission_due(kept, COMMIT, START + VALID * 0.5)
    assert renewed is not None
    assert renewed.expires == START + VALID * 1.5


def test_what_is_refused_or_was_not_judged_gets_none() -> None:
    assert admission_due(case("pass", "fail"), COMMIT, START) is None
    assert admission_due(case(), COMMIT, START) is None


def test_an_admission_opens_nothing_for_a_follower(scene: Scene) -> None:
    """A follower judges the gates itself, whatever the admission key signed."""
    road, signer = scene.road, scene.signer
    listed = replace(road.trusted().platform, admission_keys=scene.keys)
    road.change_platform(listed)
    assert isinstance(signer, PemSigner)
    from tests.deploy.reconcile.test_admission import failed, prod

    before = failed(road.admission(prod(scene.digest), scene.digest))
    scene.sign(scene.said.statement())

    assert before == failed(road.admission(prod(scene.digest), scene.digest)) == ["decision"]
