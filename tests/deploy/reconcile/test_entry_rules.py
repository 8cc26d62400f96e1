"""An entry is judged by the platform file of then, and by the people and keys of today."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from goldenpath.digest import Digest
from goldenpath.promote.gates.admission_policy import release_policy
from goldenpath.promote.gates.approval import approval
from goldenpath.promote.platform.build_rules import BuildRules
from goldenpath.promote.platform.data_rules import DataRules
from goldenpath.promote.platform.demands import Demands
from goldenpath.promote.platform.expression import Expression
from goldenpath.promote.platform.model_limits import RoleLimit
from goldenpath.promote.platform.platform import Platform, Stage
from goldenpath.promote.repository.chain_of_trust import Trusted
from goldenpath.release.attest.attach import attach_ssh
from goldenpath.release.attest.policy import Finding
from goldenpath.release.attest.verify import verify
from tests.deploy.reconcile.test_admission import (
    brought_by_hand,
    by_two,
    failed,
    forged,
    prod,
    weak_run,
)
from tests.promote.road import MODEL, PEOPLE, Road

STRICT = Expression("many-rows", ("prod",), "release.rows >= 5000000")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> tuple[Road, Digest]:
    """A release that entered production; no test commits anything."""
    road = Road(tmp_path_factory.mktemp("running"))
    digest = road.release()
    road.bring_to_prod(digest)
    return road, digest


def today(road: Road, change: Callable[[Platform], Platform]) -> Trusted:
    """The newest commit, if its platform file were this one."""
    trusted = road.trusted()
    return replace(trusted, platform=change(trusted.platform))


def last(**changes: object) -> Callable[[Platform], Platform]:
    def change(platform: Platform) -> Platform:
        *others, stage = platform.stages
        return replace(platform, stages=(*others, replace(stage, **changes)))  # type: ignore[arg-type]

    return change


def of_people(change: Callable[[str], dict[str, object]]) -> Callable[[Platform], Platform]:
    return lambda platform: replace(
        platform,
        people=tuple(replace(each, **change(each.name)) for each in platform.people),  # type: ignore[arg-type]
    )


STRICTER: dict[str, Callable[[Platform], Platform]] = {
    "an own gate": lambda platform: replace(platform, expressions=(STRICT,)),
    "approvals": last(approvals=3),
    "roles of approvers": last(approver_roles=("auditor",)),
    "soak": last(soak=timedelta(days=365)),
    "measures of builds": lambda platform: replace(platform, build=BuildRules(("gVisor",))),
    "rules of data": lambda platform: replace(platform, data=DataRules(minimum_rows=10**9)),
    "models of a role": lambda platform: replace(
        platform, role_limits=(RoleLimit("validator", ("fraud-*",)),)
    ),
    "models of a person": of_people(
        lambda name: {"models": ("fraud-*",)} if name == "validator" else {}
    ),
    "the role of a person": of_people(lambda name: {"roles": ()} if name == "validator" else {}),
}


@pytest.mark.parametrize("name", STRICTER)
def test_a_stricter_file_does_not_stop_what_runs_and_the_status_says_so(
    running: tuple[Road, Digest], name: str
) -> None:
    road, digest = running

    found = road.admission(prod(digest), digest, trusted=today(road, STRICTER[name]))

    assert failed(found) == []
    (remark,) = (each for each in found if each.check == "today")
    assert remark.message.startswith("entered by the rules of its time, and would not pass those")


def without(name: str) -> Callable[[Platform], Platform]:
    return lambda platform: replace(
        platform, people=tuple(each for each in platform.people if each.name != name)
    )


@pytest.mark.parametrize(
    ("change", "closed"),
    [
        (without("validator"), "decision"),
        (without("platform-engineer"), "decision"),
        (lambda platform: replace(platform, build_keys=()), "threshold"),
        (lambda platform: replace(platform, demands=Demands(builder="https://other")), "required"),
    ],
    ids=["an approver", "the promoter", "the build key", "the builder"],
)
def test_who_is_not_trusted_today_counts_for_nothing_that_entered_before(
    running: tuple[Road, Digest], change: Callable[[Platform], Platform], closed: str
) -> None:
    road, digest = running

    found = road.admission(prod(digest), digest, trusted=today(road, change))

    assert closed in failed(found)


def test_what_runs_by_the_same_file_has_no_remark(running: tuple[Road, Digest]) -> None:
    road, digest = running

    assert [e for e in road.admission(prod(digest), digest) if e.check == "today"] == []


@pytest.fixture(scope="module", params=[1, 2], ids=["one approval", "two approvals"])
def refused(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Road, Digest]:
    """A weak release that somebody committed by hand, which the file in force refused.

    It has an approval by a person without the role beside the one or two that count.
    """
    road = Road(tmp_path_factory.mktemp("refused"))
    no_role = of_people(lambda name: {"roles": ()} if name == "data-scientist" else {})
    road.change_platform(no_role(road.trusted().platform))
    digest = road.release(run=weak_run())
    road.approve(digest, *("validator", "risk-manager")[: request.param])
    platform = road.trusted().platform
    verified = verify(
        road.store, digest, release_policy(platform), people=platform.people, now=road.now
    )
    wide = replace(platform.stages[-1], approver_roles=())
    own = approval(digest, wide, "person", verified, now=road.now, model=MODEL)
    image = road.store.resolve(digest.text)
    attach_ssh(road.store, image, own, road.people["data-scientist"].key, now=road.now)
    road.pass_time(minutes=1)
    brought_by_hand(road, digest, forged(road, digest))
    return road, digest


LOOSER: dict[str, Callable[[Platform], Platform]] = {
    "no gates but one": last(gates=("evidence",)),
    "no gates at all": last(gates=()),
    "no approvals": last(gates=("evidence", "approvals"), approvals=0),
    "every role": of_people(lambda _: {"roles": tuple(PEOPLE)}),
}


@pytest.mark.parametrize("name", LOOSER)
def test_a_looser_file_does_not_admit_what_was_refused(
    refused: tuple[Road, Digest], name: str
) -> None:
    road, digest = refused
    before = failed(road.admission(prod(digest), digest))

    after = failed(road.admission(prod(digest), digest, trusted=today(road, LOOSER[name])))

    assert before == after != []


def test_what_enters_under_the_stricter_file_is_judged_by_it_and_so_is_what_comes_back(
    tmp_path: Path,
) -> None:
    road = Road(tmp_path)
    one, two = road.release(b"one"), road.release(b"two")
    road.bring_to_prod(one)
    by_two(road, replace(road.trusted().platform, expressions=(STRICT,)))
    road.pass_time(minutes=1)
    assert remarks(road, one) and failed(road.admission(prod(one), one)) == []

    for stage in ("dev", "test"):
        road.promote(two, stage)
    road.approve(two, "validator", "risk-manager")
    brought_by_hand(road, two, forged(road, two))
    assert failed(road.admission(prod(two), two)) == ["many-rows"]

    road.pass_time(minutes=1)
    brought_by_hand(road, one, forged(road, one))
    assert "many-rows" in failed(road.admission(prod(one), one)), "it entered anew"


def test_an_approval_beyond_a_limit_of_its_time_does_not_count(tmp_path: Path) -> None:
    """The limit is there when the release enters, and gone later."""
    road = Road(tmp_path)
    before = road.trusted().platform
    digest = road.release()
    road.approve(digest, "validator", "risk-manager")
    for stage in ("dev", "test"):
        road.promote(digest, stage)
    decision = forged(road, digest)
    road.change_platform(STRICTER["models of a person"](before))
    road.pass_time(minutes=1)
    brought_by_hand(road, digest, decision)

    assert failed(road.admission(prod(digest), digest)) == ["decision"]
    assert failed(
        road.admission(prod(digest), digest, trusted=today(road, lambda _: before))
    ) == ["decision"]  # fmt: skip


def remarks(road: Road, digest: Digest) -> list[Finding]:
    return [each for each in road.admission(prod(digest), digest) if each.check == "today"]


def test_the_stage_before_is_the_one_of_the_file_of_then(running: tuple[Road, Digest]) -> None:
    road, digest = running

    def inserted(platform: Platform) -> Platform:
        *others, stage = platform.stages
        return replace(platform, stages=(*others, Stage("canary", ("evidence",)), stage))

    found = road.admission(prod(digest), digest, trusted=today(road, inserted))

    assert failed(found) == []
