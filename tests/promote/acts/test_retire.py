"""Retirement as a pure function: who may, when not, and what the commit says."""

from dataclasses import replace

import pytest

from goldenpath.errors import GoldenPathError, InvalidInput, NotFound, Stalled
from goldenpath.promote.acts.holding import DeploymentUse, RetirementScene, retire
from goldenpath.promote.acts.intents import TrustChange, TrustProposal
from goldenpath.promote.acts.scene import StageScene
from goldenpath.promote.repository.commit import parse_trailers
from goldenpath.promote.repository.commit_message import action_of
from tests.promote.acts.scenes import (
    HEAD,
    MACHINE,
    MODEL,
    NOW,
    ONE,
    PROD,
    TWO,
    scene,
    town,
    trust_scene,
)

FILES = {f"envs/prod/{MODEL}/{name}": b"x" for name in ("route.yaml", "release.yaml", "note.md")}
UNUSED = DeploymentUse((), ("callers of other machines",))


def leaving(stage: StageScene, use: DeploymentUse = UNUSED) -> RetirementScene:
    return RetirementScene(stage, trust_scene(), FILES, use)


def test_a_stage_with_approvals_asks_a_second_person() -> None:
    act = retire(leaving(scene((ONE, 100), stage=replace(PROD, approvals=1))), "replaced")

    assert isinstance(act, TrustProposal)
    assert (act.parent, act.base, act.by) == (
        HEAD, trust_scene().base, ("validator", "risk-manager"),
    )  # fmt: skip
    # The whole folder goes: an empty one would keep an Application of Argo CD that prunes nothing.
    assert act.files == dict.fromkeys(FILES)


def test_a_stage_without_approvals_is_left_at_once() -> None:
    act = retire(leaving(scene((ONE, 100), stage=replace(PROD, approvals=0))), "replaced")

    assert isinstance(act, TrustChange)
    assert (act.parent, act.time, act.by) == (HEAD, NOW, ("platform-engineer",))


def test_on_a_sealed_platform_the_last_stage_needs_two_people_whatever_it_asks_for() -> None:
    stage = replace(PROD, approvals=0)
    sealed = replace(town(stage), two_people=True)

    act = retire(leaving(replace(scene((ONE, 100), stage=stage), platform=sealed)), "replaced")

    assert isinstance(act, TrustProposal)


def test_the_message_names_release_reason_and_what_is_not_known() -> None:
    act = retire(leaving(scene((ONE, 100), stage=replace(PROD, approvals=0))), "replaced by next")

    assert action_of(act.message.splitlines()[0]) == "retire"
    trailers = dict(parse_trailers(act.message))
    assert trailers["Release-Digest"] == (ONE.text,)
    assert (trailers["Stage"], trailers["Model"]) == (("prod",), (MODEL,))
    assert trailers["Not-Known"] == UNUSED.unknown
    assert trailers["Reason"] == ("replaced by next",)


USED = DeploymentUse(("12 answers since yesterday, for limits",), ())


@pytest.mark.parametrize(
    ("seen", "use", "error", "message"),
    [
        (scene((ONE, 100)), USED, Stalled, "is used: 12 answers since yesterday, for limits"),
        (scene(), UNUSED, NotFound, f"{MODEL} is not in prod"),
        (scene((ONE, 100), person=MACHINE), UNUSED, InvalidInput, "does not list rollout"),
        (scene((ONE, 100), hold="validator: x"), UNUSED, Stalled, "is on hold: validator: x"),
        (scene((ONE, 90), (TWO, 10)), UNUSED, InvalidInput, "has a canary in progress"),
    ],
    ids=["used", "not there", "a machine", "on hold", "a canary"],
)
def test_what_is_not_retired(
    seen: StageScene, use: DeploymentUse, error: type[GoldenPathError], message: str
) -> None:
    with pytest.raises(error, match=message):
        retire(leaving(seen, use), "replaced")


def test_who_may_not_act_on_the_model_does_not_retire_it() -> None:
    seen = scene((ONE, 100))
    elsewhere = replace(seen, person=replace(seen.person, models=("fraud-*",)))
    people = (*(each for each in seen.platform.people if each != seen.person), elsewhere.person)
    limited = replace(elsewhere, platform=replace(seen.platform, people=people))

    with pytest.raises(InvalidInput, match="platform-engineer"):
        retire(leaving(limited), "replaced")
