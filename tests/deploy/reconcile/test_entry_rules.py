"""An entry is judged by the platform file of then, and by the people and keys of today."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from goldenpath.deploy.machine.release_trust import EntryTrust
from goldenpath.digest import Digest
from goldenpath.promote.gates.admission_policy import release_policy
from goldenpath.promote.gates.approval import approval
from goldenpath.promote.manifests.deployment_files import render_deployment
from goldenpath.promote.manifests.desired import Deployment, Slot, slot_name
from goldenpath.promote.platform.build_rules import BuildRules
from goldenpath.promote.platform.data_rules import DataRules
from goldenpath.promote.platform.expression import Expression
from goldenpath.promote.platform.model_limits import RoleLimit
from goldenpath.promote.platform.platform import Platform, Stage
from goldenpath.promote.repository.chain_of_trust import Trusted
from goldenpath.promote.workspace.stage_history import StageHistory
from goldenpath.release.attest.attach import attach_ssh
from goldenpath.release.attest.keys import key_from_pem, public_pem
from goldenpath.release.attest.launch_trust import policy_of
from goldenpath.release.attest.policy import Finding
from goldenpath.release.attest.statement import EVIDENCE
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
from tests.release.attest.releases import new_signer

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


def demanding(**changes: object) -> Callable[[Platform], Platform]:
    """What every release must show, with a second build key so that two may be demanded."""
    second = key_from_pem("second", public_pem(new_signer()))

    def change(platform: Platform) -> Platform:
        demands = replace(platform.demands, **changes)  # type: ignore[arg-type]
        return replace(platform, demands=demands, build_keys=(*platform.build_keys, second))

    return change


DEMANDED: dict[str, Callable[[Platform], Platform]] = {
    "required": demanding(required=(*EVIDENCE, "https://example.org/review/v1")),
    "threshold": demanding(threshold=2),
    "repository": demanding(repository="https://git.example/other"),
    "builder": demanding(builder="https://ci.example/other"),
    "all four": demanding(
        required=("https://example.org/review/v1",), threshold=2,
        repository="https://git.example/other", builder="https://ci.example/other",
    ),
}  # fmt: skip
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
    **DEMANDED,
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
        (lambda platform: replace(DEMANDED["threshold"](platform), build_keys=()), "threshold"),
    ],
    ids=["an approver", "the promoter", "the build key", "the build key of two"],
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


FAILS = {"required": "required", "threshold": "threshold", "all four": "threshold"}
"""The check that fails; a provenance of another repository or builder does not count at all."""


@pytest.fixture(scope="module")
def demanded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Road, dict[str, Digest]]:
    """Releases of which the file in force demanded more when they entered a stage without gates."""
    road = Road(tmp_path_factory.mktemp("demanded"))
    loose = with_free_dev(road.trusted().platform)
    digests = {}
    for name, change in DEMANDED.items():
        road.change_platform(change(loose))
        model = f"m-{name.replace(' ', '-')}"
        digests[name] = road.release(name.encode(), model=model)
        road.pass_time(minutes=1)
        committed(road, deployment("dev", model, digests[name]))
    road.change_platform(loose)
    return road, digests


def with_free_dev(platform: Platform) -> Platform:
    first, *others = platform.stages
    return replace(platform, stages=(replace(first, gates=()), *others))


def deployment(stage: str, model: str, digest: Digest) -> Deployment:
    return Deployment(stage, model, (Slot(slot_name(digest), digest, 100),))


def committed(road: Road, declared: Deployment) -> None:
    trusted, engineer = road.trusted(), road.people["platform-engineer"]
    files = render_deployment(declared, trusted.platform)
    road.repository.commit(
        trusted.commit, files, "by hand", engineer.name, key=engineer.key, now=road.now
    )


@pytest.mark.parametrize("name", DEMANDED)
def test_what_was_refused_for_what_it_had_to_show_stays_refused_until_it_enters_anew(
    demanded: tuple[Road, dict[str, Digest]], name: str
) -> None:
    road, digests = demanded
    here = deployment("dev", f"m-{name.replace(' ', '-')}", digests[name])
    elsewhere = replace(here, stage="test")

    assert FAILS.get(name, "required") in failed(road.admission(here, digests[name]))
    free = replace(road.trusted(), platform=replace(road.trusted().platform, stages=(
        *(replace(each, gates=()) for each in road.trusted().platform.stages),
    )))  # fmt: skip
    assert failed(road.admission(elsewhere, digests[name], trusted=free)) == []


@pytest.mark.parametrize("name", DEMANDED)
def test_a_stage_without_gates_goes_on_too_and_says_so(tmp_path: Path, name: str) -> None:
    road = Road(tmp_path)
    road.change_platform(with_free_dev(road.trusted().platform))
    digest = road.release()
    road.pass_time(minutes=1)
    declared = deployment("dev", MODEL, digest)
    committed(road, declared)

    found = road.admission(declared, digest, trusted=today(road, DEMANDED[name]))

    assert failed(found) == []
    assert [each.check for each in found if each.check == "today"] == ["today"]


def test_the_release_before_is_judged_by_the_same_rules(tmp_path: Path) -> None:
    """Who wrote it is in its provenance, which another builder would take away."""
    road = Road(tmp_path)
    one, two = road.release(b"one"), road.release(b"two")
    road.bring_to_prod(one)
    road.bring_to_prod(two)

    for change in DEMANDED.values():
        assert failed(road.admission(prod(two), two, trusted=today(road, change))) == []


def test_a_server_verifies_by_the_rules_of_the_entry_and_one_that_never_entered_by_todays(
    running: tuple[Road, Digest],
) -> None:
    road, digest = running
    history = StageHistory(road.repository, road.desk("validator").seen)
    trust = EntryTrust(history, road.home.registry, lambda: road.now)

    for name, change in DEMANDED.items():
        strict = today(road, change)
        entered = trust(strict, prod(digest), digest)
        new = trust(strict, replace(prod(digest), model="other"), digest)
        assert verify(road.store, digest, policy_of(entered), now=road.now).holds
        assert not verify(road.store, digest, policy_of(new), now=road.now).holds, name
