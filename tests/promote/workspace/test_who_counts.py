"""Who counts as author, and on which models people count: with real keys and commits."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from goldenpath.audit.timeline.intent import read_history
from goldenpath.audit.timeline.signed_approvals import SignedApprovals
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.promote.acts.founding import platform_files
from goldenpath.promote.gates.admission_policy import release_policy
from goldenpath.promote.gates.approval import approval
from goldenpath.promote.gates.gate import decision_statement
from goldenpath.promote.manifests.deployment_files import render_deployment
from goldenpath.promote.manifests.desired import Deployment, Slot, slot_name
from goldenpath.promote.platform.model_limits import RoleLimit
from goldenpath.promote.platform.platform import Platform, parse_platform
from goldenpath.promote.workspace.questions import assess, what_is_missing
from goldenpath.promote.workspace.stage_changes import approve, hold, waive
from goldenpath.release.attest.attach import attach_ssh
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures.ssh_public_key import fingerprint
from goldenpath.release.attest.statement import APPROVAL
from goldenpath.release.attest.verify import verify
from goldenpath.release.evidence.contributions import Contributions, Contributor, ReleasePart
from goldenpath.train.training_run import TrainingRun
from tests.promote.road import MODEL, PEOPLE, Road, good_run


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


def parts(road: Road, **writers: str) -> Contributions:
    """Files by name, each by one person; whoever comes last committed on top."""
    people = tuple(Contributor("Some Body <some@x>", key_of(road, each)) for each in PEOPLE)
    names = list(PEOPLE)
    files = (
        ReleasePart(f"src/{file}.py", writer, (names.index(writer),))
        for file, writer in writers.items()
    )
    return Contributions(people, tuple(files))


def on_top(road: Road) -> Digest:
    """A release of a change by the validator, with a commit of the data scientist on top."""
    run = written_by("Data Scientist <data@x>", key_of(road, "data-scientist"))
    return road.release(run=run, contributions=parts(road, train="validator", x="data-scientist"))


def test_nobody_approves_a_change_of_theirs_under_somebody_elses_commit(road: Road) -> None:
    digest = on_top(road)

    for name in ("validator", "data-scientist"):
        with pytest.raises(InvalidInput, match="author of the change: wrote a part of it, src/"):
            approve(road.desk(name), digest, "prod")
    with pytest.raises(InvalidInput, match="author of the change"):
        waive(
            road.desk("validator"), digest, "checks", "prod", reason="seen and accepted",
            until=road.now + timedelta(days=1),
        )  # fmt: skip
    assert approve(road.desk("risk-manager"), digest, "prod").envelope


def test_an_approval_by_who_wrote_a_part_counts_nowhere(road: Road) -> None:
    """It is signed by hand, and a promoter's decision cites it."""
    digest = on_top(road)
    for stage in ("dev", "test"):
        road.promote(digest, stage)
    road.approve(digest, "risk-manager")
    platform = road.trusted().platform
    verified = verify(
        road.store, digest, release_policy(platform), people=platform.people, now=road.now
    )
    own = approval(digest, platform.stages[-1], "validator", verified, now=road.now, model=MODEL)
    image = road.store.resolve(digest.text)
    attach_ssh(road.store, image, own, road.people["validator"].key, now=road.now)
    road.pass_time(minutes=1)

    why = what_is_missing(road.view(), MODEL, "prod", digest)
    assert [each.check for each in why.missing] == ["approvals"]
    assert "validator: is the author of the change" in why.missing[0].message

    decision = assess(road.view(), digest, "prod", "platform-engineer").decision
    passed = tuple(replace(each, status="pass") for each in decision.findings)
    envelopes = tuple(
        each.envelope
        for each in verify(
            road.store, digest, release_policy(platform), people=platform.people, now=road.now
        ).of_type(APPROVAL)
    )
    forged = replace(decision, findings=passed, approvals=envelopes)
    engineer = road.people["platform-engineer"]
    attach_ssh(road.store, image, decision_statement(forged), engineer.key, now=road.now)
    wanted = Deployment("prod", MODEL, (Slot(slot_name(digest), digest, 100),))
    road.repository.commit(
        road.trusted().commit, {**render_deployment(wanted, platform)}, "prod: by hand",
        engineer.name, key=engineer.key, now=road.now,
    )  # fmt: skip

    found = road.admission(wanted, digest)
    assert [each.check for each in found if each.status == "fail"] == ["decision"]
    shown = SignedApprovals(
        road.repository,
        lambda each: verify(
            road.store, each, release_policy(platform), people=platform.people, now=road.now
        ),
    )(read_history(road.repository, road.trusted().commit, MODEL)[-1])
    assert (shown.approved_by, shown.approved_own) == (("risk-manager",), ("validator",))


def test_who_wrote_what_others_approved_may_approve_the_next_change(road: Road) -> None:
    first = road.release(
        b"one", contributions=parts(road, train="data-scientist", x="platform-engineer")
    )
    road.bring_to_prod(first)
    again = parts(road, train="data-scientist", x="risk-manager")
    second = road.release(b"two", contributions=again)

    assert approve(road.desk("data-scientist"), second, "prod").envelope
    with pytest.raises(InvalidInput, match="author of the change"):
        approve(road.desk("risk-manager"), second, "prod")


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


def test_a_limit_that_came_later_stops_nothing_that_entered_before(road: Road) -> None:
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
    assert [each.check for each in after if each.status == "fail"] == [], "it entered before"
    assert any(each.check == "today" for each in after)


def test_a_limited_person_works_on_their_own_models(road: Road) -> None:
    limit(road, with_models("platform-engineer", "credit-*"))

    assert road.promote(road.release(), "dev").commit
    assert road.trusted().commit
