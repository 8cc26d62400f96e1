"""Who counts as author, and on which models people count: with real keys and commits."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.promote.acts.founding import platform_files
from goldenpath.promote.platform.model_limits import RoleLimit
from goldenpath.promote.platform.platform import Platform, parse_platform
from goldenpath.promote.workspace.stage_changes import approve, hold, waive
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures.ssh_public_key import fingerprint
from goldenpath.train.training_run import TrainingRun
from tests.promote.road import MODEL, Road, good_run


@pytest.fixture
def road(tmp_path: Path) -> Road:
    return Road(tmp_path)


def written_by(author: str, signer: str = "") -> TrainingRun:
    run = good_run()
    return replace(run, source=replace(run.source, author=author, signer=signer))


def key_of(road: Road, name: str) -> str:
    return fingerprint(road.people[name].key.public_line)


def test_who_signed_the_change_is_its_author_whatever_name_it_has(road: Road) -> None:
    run = written_by("Somebody Else <else@example.org>", key_of(road, "validator"))
    digest = road.release(run=run)

    with pytest.raises(InvalidInput, match="author of the change"):
        approve(road.desk("validator"), digest, "prod")
    assert approve(road.desk("risk-manager"), digest, "prod").envelope


def test_a_name_by_hand_takes_nobody_elses_approval_away(road: Road) -> None:
    run = written_by("validator <validator@example.org>", key_of(road, "data-scientist"))
    digest = road.release(run=run)

    assert approve(road.desk("validator"), digest, "prod").envelope
    with pytest.raises(InvalidInput, match="author of the change"):
        approve(road.desk("data-scientist"), digest, "prod")


@pytest.mark.parametrize("signer", ["", "SHA256:" + "A" * 43, "0123456789ABCDEF"])
def test_without_a_listed_key_the_name_counts(road: Road, signer: str) -> None:
    digest = road.release(run=written_by("Validator <validator@example.org>", signer))

    with pytest.raises(InvalidInput, match="author of the change"):
        approve(road.desk("validator"), digest, "prod")


def test_one_key_is_not_listed_for_two_people(road: Road) -> None:
    platform = road.trusted().platform
    twin = Person("twin", ("validator",), platform.people[0].ssh_key)
    content = platform_files(replace(platform, people=(*platform.people, twin)))["platform.toml"]

    with pytest.raises(InvalidInput, match="expected a key of its own"):
        parse_platform(content)


def limit(road: Road, change: Callable[[Platform], Platform]) -> None:
    road.change_platform(change(road.trusted().platform))


def with_models(name: str, *models: str) -> Callable[[Platform], Platform]:
    def change(platform: Platform) -> Platform:
        people = tuple(
            replace(each, models=models) if each.name == name else each for each in platform.people
        )
        return replace(platform, people=people)

    return change


def test_a_limited_person_changes_no_other_model(road: Road) -> None:
    digest = road.release()
    road.promote(digest, "dev")
    limit(road, with_models("validator", "fraud-*"))

    with pytest.raises(VerificationError, match="is limited to the models fraud-"):
        hold(road.desk("validator"), MODEL, "dev", "because")
        road.trusted()


@pytest.mark.parametrize(
    "change",
    [
        with_models("validator", "fraud-*"),
        lambda platform: replace(platform, role_limits=(RoleLimit("validator", ("fraud-*",)),)),
    ],
    ids=["the person", "the role"],
)
def test_a_limited_person_approves_and_waives_nothing_else(
    road: Road, change: Callable[[Platform], Platform]
) -> None:
    run = replace(good_run(), checks=good_run().checks[1:])
    digest = road.release(run=run)
    limit(road, change)

    with pytest.raises(InvalidInput, match=r"models|does not count|no role"):
        approve(road.desk("validator"), digest, "prod")
    with pytest.raises(InvalidInput, match=r"models|does not count|no role"):
        waive(
            road.desk("validator"), digest, "checks", "prod", reason="seen and accepted",
            until=road.now.replace(year=road.now.year + 0, month=12, day=30),
        )  # fmt: skip
    assert approve(road.desk("risk-manager"), digest, "prod").envelope


def test_an_approval_beyond_a_limit_does_not_count_at_admission(road: Road) -> None:
    digest = road.release()
    road.bring_to_prod(digest)
    trusted = road.trusted()
    limited = replace(trusted, platform=with_models("validator", "fraud-*")(trusted.platform))
    from goldenpath.promote.workspace.scene_reader import deployment_of

    declared = deployment_of(road.repository, trusted, "prod", MODEL)
    assert declared is not None

    before = road.admission(declared, digest)
    after = road.admission(declared, digest, trusted=limited)

    assert [each.check for each in before if each.status == "fail"] == []
    assert [each.check for each in after if each.status == "fail"] == ["decision"]


def test_a_limited_person_works_on_their_own_models(road: Road) -> None:
    limit(road, with_models("platform-engineer", "credit-*"))

    assert road.promote(road.release(), "dev").commit
    assert road.trusted().commit
