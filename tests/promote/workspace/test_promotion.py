from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from goldenpath.digest import Digest
from goldenpath.errors import AlreadyDone, InvalidInput, NotFound
from goldenpath.promote.acts.intents import PromotionIntent
from goldenpath.promote.gates.admission_policy import release_policy
from goldenpath.promote.gates.gate import decision_statement
from goldenpath.promote.manifests.deployment_files import release_path
from goldenpath.promote.manifests.desired import Deployment
from goldenpath.promote.manifests.placement import parse_placement
from goldenpath.promote.workspace.questions import what_is_missing
from goldenpath.promote.workspace.scene_reader import deployment_of
from goldenpath.promote.workspace.stage_changes import approve, promote, roll_back, roll_out
from goldenpath.promote.workspace.workspace import Outcome
from goldenpath.release.attest.attach import attach, attach_ssh
from goldenpath.release.attest.statement import DECISION, Statement
from goldenpath.release.attest.verify import verify
from tests.promote.road import MODEL, Road, good_run


@pytest.fixture
def road(tmp_path: Path) -> Road:
    return Road(tmp_path)


def deployed(road: Road, stage: str) -> Deployment | None:
    return deployment_of(road.repository, road.trusted(), stage, MODEL)


def shares(road: Road, stage: str) -> dict[Digest, int]:
    found = deployed(road, stage)
    return {} if found is None else {slot.digest: slot.percent for slot in found.slots}


def said(done: Outcome[PromotionIntent], check: str) -> str:
    assert done.decision is not None
    return next(each.message for each in done.decision.findings if each.check == check)


def test_one_digest_goes_through_all_stages_by_signed_commits(road: Road) -> None:
    digest = road.release()

    done = road.bring_to_prod(digest)

    assert {stage: shares(road, stage) for stage in ("dev", "test", "prod")} == {
        stage: {digest: 100} for stage in ("dev", "test", "prod")
    }
    commit = next(road.repository.history())
    assert commit.id == done.commit == road.trusted().commit
    assert commit.trailers["Release-Digest"] == (digest.text,)
    assert commit.trailers["Stage"] == ("prod",)
    assert commit.trailers["Approved-By"] == ("risk-manager", "validator")
    assert commit.trailers["Decision"] == (str(done.envelope),)
    assert commit.trailers["Reason"]


def test_the_verdict_hangs_on_the_release_signed_by_who_promoted(road: Road) -> None:
    digest = road.release()
    done = road.promote(digest, "dev")

    platform = road.trusted().platform
    verified = verify(
        road.store, digest, release_policy(platform), people=platform.people, now=road.now
    )
    (decision,) = verified.of_type(DECISION)
    assert decision.envelope == done.envelope
    assert decision.signer == "platform-engineer"
    assert decision.statement.predicate["allowed"] is True


def test_what_was_promoted_is_admitted_there_and_nowhere_else(road: Road) -> None:
    digest = road.release()
    road.promote(digest, "dev")
    dev = deployed(road, "dev")
    assert dev is not None

    here = road.admission(dev, digest)
    there = road.admission(replace(dev, stage="test"), digest)

    assert [finding.check for finding in here if finding.status == "fail"] == []
    assert [finding.check for finding in there if finding.status == "fail"] == ["decision"]


def test_nobody_alone_can_decide_for_prod(road: Road) -> None:
    digest = road.release()
    done = road.bring_to_prod(digest)
    prod = deployed(road, "prod")
    assert prod is not None
    assert done.decision is not None
    alone = road.release(b"alone")
    forged = replace(done.decision, digest=alone)
    image, desk = road.store.resolve(alone.text), road.desk("platform-engineer")
    attach_ssh(road.store, image, decision_statement(forged), desk.acting.key, now=road.now)

    real = road.admission(prod, digest)
    fake = road.admission(prod, alone)

    assert "approved by risk-manager, validator" in real[-1].message
    assert [finding.check for finding in fake if finding.status == "fail"] == ["decision"]


def test_nobody_alone_puts_an_approved_release_in_the_place_of_another_model(road: Road) -> None:
    digest = road.release()
    done = road.bring_to_prod(digest)
    prod = deployed(road, "prod")
    assert prod is not None
    assert done.decision is not None
    forged = replace(done.decision, model="other")
    image, desk = road.store.resolve(digest.text), road.desk("platform-engineer")
    attach_ssh(road.store, image, decision_statement(forged), desk.acting.key, now=road.now)

    found = road.admission(replace(prod, model="other"), digest)

    assert [finding.check for finding in found if finding.status == "fail"] == ["decision"]


def test_a_release_that_skips_a_stage_is_refused_and_nothing_changes(road: Road) -> None:
    digest = road.release()
    before = road.trusted().commit

    done = road.promote(digest, "test")

    assert done.closed == ("stage-before",)
    assert done.commit == ""
    assert road.trusted().commit == before
    assert shares(road, "test") == {}


def test_the_soak_has_to_be_over(road: Road) -> None:
    digest = road.release()
    platform = road.trusted().platform
    dev, test, prod = platform.stages
    slow = replace(test, soak=timedelta(hours=2))
    road.change_platform(replace(platform, stages=(dev, slow, prod)))
    road.promote(digest, "dev")

    early = road.promote(digest, "test")
    road.pass_time(hours=2)
    late = road.promote(digest, "test")

    assert early.closed == ("stage-before",)
    assert "short of the soak" in said(early, "stage-before")
    assert late.commit


@pytest.mark.parametrize(
    ("people", "reason"),
    [
        ((), "0 of 2"),
        (("validator",), "1 of 2"),
        (("validator", "validator"), "1 of 2"),
    ],
)
def test_too_few_people_are_too_few(road: Road, people: tuple[str, ...], reason: str) -> None:
    digest = road.release()
    road.promote(digest, "dev")
    road.promote(digest, "test")
    road.approve(digest, *people)

    done = road.promote(digest, "prod")

    assert done.closed == ("approvals",)
    assert reason in said(done, "approvals")


def test_the_author_of_the_change_cannot_approve_it(road: Road) -> None:
    digest = road.release()

    with pytest.raises(InvalidInput, match="author of the change"):
        approve(road.desk("data-scientist"), digest, "prod")


def test_nobody_approves_what_they_promote(road: Road) -> None:
    digest = road.release()
    road.promote(digest, "dev")
    road.promote(digest, "test")
    road.approve(digest, "validator", "risk-manager")

    done = road.promote(digest, "prod", by="validator")

    assert done.closed == ("approvals",)
    assert "is the person who promotes" in said(done, "approvals")


def test_a_person_of_another_role_cannot_approve(road: Road) -> None:
    with pytest.raises(InvalidInput, match="none of the roles"):
        approve(road.desk("platform-engineer"), road.release(), "prod")


def test_an_expired_approval_counts_no_more(road: Road) -> None:
    digest = road.release()
    road.promote(digest, "dev")
    road.promote(digest, "test")
    road.approve(digest, "validator", "risk-manager")
    road.pass_time(days=31)

    done = road.promote(digest, "prod")

    assert "approvals" in done.closed
    assert "expired on" in said(done, "approvals")


def test_new_evidence_needs_a_new_word(road: Road) -> None:
    digest = road.release()
    road.promote(digest, "dev")
    road.promote(digest, "test")
    road.approve(digest, "validator", "risk-manager")
    image = road.store.resolve(digest.text)
    attach(
        road.store,
        image,
        Statement((digest,), "https://example.org/scan/v1", {"found": 1}),
        road.signer,
        now=road.now,
    )

    done = road.promote(digest, "prod")

    assert done.closed == ("approvals",)
    assert "other evidence" in said(done, "approvals")


def test_an_approval_of_another_release_does_not_count(road: Road) -> None:
    one, two = road.release(b"one"), road.release(b"two")
    road.bring_to_prod(one)
    road.promote(two, "dev")
    road.promote(two, "test")

    assert road.promote(two, "prod").closed == ("approvals",)


def test_somebody_who_is_not_listed_promotes_nothing(road: Road) -> None:
    desk = road.machine()

    with pytest.raises(InvalidInput, match="does not list rollout"):
        promote(desk, road.release(), "dev")


def test_an_unknown_stage_is_named(road: Road) -> None:
    with pytest.raises(InvalidInput, match="expected one of dev, test, prod"):
        road.promote(road.release(), "live")


def test_a_release_that_is_not_there_is_not_found(road: Road) -> None:
    with pytest.raises(NotFound):
        road.promote(Digest.of(b"nothing"), "dev")


def test_failed_checks_close_the_gate(road: Road) -> None:
    run = good_run()
    broken = replace(run, checks=(replace(run.checks[0], passed=False),))

    done = road.promote(road.release(run=broken), "dev")

    assert "checks" in done.closed


def test_a_dry_run_shows_the_difference_and_changes_nothing(road: Road) -> None:
    digest = road.release()
    before = road.trusted().commit
    referrers = road.store.referrers(digest)

    done = promote(road.desk("platform-engineer"), digest, "dev", dry_run=True)

    assert f"storageUri: oci+native://registry.example/models/{MODEL}@{digest}" in done.diff
    assert done.commit == ""
    assert road.trusted().commit == before
    assert road.store.referrers(digest) == referrers


def test_a_promotion_that_somebody_overtakes_is_decided_anew(road: Road) -> None:
    digest = road.release()
    desk = road.desk("platform-engineer", road.clone("other"))
    overtaken: list[str] = []

    def clock() -> datetime:
        if not overtaken:
            overtaken.append("")
            road.change_platform(replace(road.trusted().platform, gateway="127.0.0.1:9"))
        return road.now

    done = promote(replace(desk, clock=clock), digest, "dev")

    assert done.commit == road.trusted().commit
    assert road.trusted().platform.gateway == "127.0.0.1:9"
    assert shares(road, "dev") == {digest: 100}


def test_a_canary_goes_step_by_step_and_becomes_the_stable(road: Road) -> None:
    one, two = road.release(b"one"), road.release(b"two")
    road.bring_to_prod(one)

    road.bring_to_prod(two, steps=(10, 50, 100))
    seen = [shares(road, "prod")]
    for _ in range(2):
        roll_out(road.machine(), MODEL, "prod", None)
        seen.append(shares(road, "prod"))

    assert seen == [{one: 90, two: 10}, {one: 50, two: 50}, {two: 100}]
    content = road.repository.read(road.trusted().commit, release_path("prod", MODEL))
    assert content is not None
    assert parse_placement(content).previous == one


def test_a_canary_is_not_overtaken_by_another(road: Road) -> None:
    one, two, three = (road.release(weights) for weights in (b"one", b"two", b"three"))
    road.promote(one, "dev")
    road.promote(two, "dev", steps=(10, 100))

    with pytest.raises(InvalidInput, match="canary in progress"):
        road.promote(three, "dev")


def test_a_canary_only_grows(road: Road) -> None:
    one, two = road.release(b"one"), road.release(b"two")
    road.promote(one, "dev")
    road.promote(two, "dev", steps=(10, 100))

    for percent in (5, 101):
        with pytest.raises(InvalidInput, match="cannot go from 10"):
            roll_out(road.machine(), MODEL, "dev", percent)
    with pytest.raises(AlreadyDone, match="10 percent already"):
        roll_out(road.machine(), MODEL, "dev", 10)


def test_a_rollback_takes_the_canary_away(road: Road) -> None:
    one, two = road.release(b"one"), road.release(b"two")
    road.promote(one, "dev")
    road.promote(two, "dev", steps=(10, 100))

    roll_back(road.machine(), MODEL, "dev", reason="answers differ")

    assert shares(road, "dev") == {one: 100}
    commit = next(road.repository.history(to=road.trusted().commit))
    assert commit.trailers["Previous-Digest"] == (two.text,)
    assert commit.trailers["Reason"] == ("answers differ",)


def test_a_rollback_goes_to_the_release_before_once(road: Road) -> None:
    one, two = road.release(b"one"), road.release(b"two")
    road.promote(one, "dev")
    road.promote(two, "dev")

    roll_back(road.machine(), MODEL, "dev", reason="drift")

    assert shares(road, "dev") == {one: 100}
    with pytest.raises(NotFound, match="no release before"):
        roll_back(road.machine(), MODEL, "dev", reason="again")


def test_the_live_release_again_is_nothing_to_do(road: Road) -> None:
    digest = road.release()
    road.promote(digest, "dev")

    with pytest.raises(InvalidInput, match="nothing to do"):
        road.promote(digest, "dev")


def test_why_names_what_is_missing_and_who_can_give_it(road: Road) -> None:
    digest = road.release()
    road.promote(digest, "dev")
    road.promote(digest, "test")

    found = what_is_missing(road.view(), MODEL, "prod", None)

    assert found.digest == digest
    (missing,) = found.missing
    assert missing.check == "approvals"
    assert "validator, risk-manager" in missing.cure
    assert "data-scientist" not in missing.cure


def test_why_says_that_a_model_is_nowhere(road: Road) -> None:
    found = what_is_missing(road.view(), MODEL, "prod", None)

    assert "in no stage" in found.summary
