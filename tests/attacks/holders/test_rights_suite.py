"""The suite `rights`: one rule refuses each attack, and honest commits are not refused."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from goldenpath.attacks.holders.deployment_step import BOTH, ONE, TWO, Shares, recorded, shared
from goldenpath.attacks.holders.entry_scene import EntryScene
from goldenpath.attacks.holders.given_judgements import DAY, NOW, GivenWaiver
from goldenpath.attacks.holders.restriction_attacks import RestrictedStep
from goldenpath.attacks.holders.rights_suite import CONTROLS, rights_suite
from goldenpath.promote.manifests.commit_rights import FileStep, lone_refusal, machine_refusal
from goldenpath.release.attacks.suite import SuiteResult, run
from tests.sizes import at_size

TRIED = CONTROLS[:: at_size(3, 1)]


@pytest.fixture(scope="module")
def result() -> SuiteResult:
    """The suite runs once for all tests."""
    return run(replace(rights_suite(), controls=TRIED))


def test_every_attack_is_refused_and_says_why(result: SuiteResult) -> None:
    assert [each.attack for each in result.outcomes if not each.refused or not each.reason] == []


@pytest.mark.parametrize("control", TRIED)
def test_without_a_control_exactly_its_attacks_succeed(control: str, result: SuiteResult) -> None:
    [ablation] = [each for each in result.ablations if each.control == control]

    assert ablation.succeeded == ablation.expected != ()


@pytest.mark.parametrize(
    "step",
    [
        partial(shared, BOTH),
        partial(shared, ((ONE, 50), (TWO, 50))),
        partial(shared, ((TWO, 100),)),
        partial(recorded, judged=("too few answers",)),
    ],
    ids=["nothing", "a step of the plan", "the last step", "a note"],
)
def test_the_machine_follows_its_plan_on_the_same_deployment(
    step: Callable[[], FileStep],
) -> None:
    assert machine_refusal(step()) == ""


def test_one_person_holds_the_same_deployment() -> None:
    assert lone_refusal(recorded(hold="validator: because")) == ""


@pytest.mark.parametrize(
    ("leavers", "is_admitted"), [((), True), (("second-validator",), False)], ids=["here", "left"]
)
def test_a_waiver_of_somebody_who_has_left_counts_for_no_later_entry(
    leavers: tuple[str, ...], is_admitted: bool
) -> None:
    waiver = GivenWaiver(by="second-validator", at=NOW - 12 * DAY)
    scene = EntryScene(auc=0.84, waived=("thresholds",), waivers=(waiver,), leavers=leavers)

    assert (scene.refusal(frozenset()) == "") is is_admitted


def test_an_honest_release_is_admitted_by_the_same_rules() -> None:
    assert EntryScene().refusal(frozenset()) == ""
    assert EntryScene(champion=0.9).refusal(frozenset()) == ""


@pytest.mark.parametrize("shares", [BOTH, ((ONE, 100),)], ids=["nothing", "back"])
def test_a_freeze_and_a_hold_let_a_deployment_stay_and_go_back(shares: Shares) -> None:
    frozen = RestrictedStep(shares, is_frozen=True)

    assert frozen.refusal("freezes", frozenset()) == ""
