"""What a model still needs to enter a stage, and who reaches production alone, from values."""

from dataclasses import replace

import pytest

from goldenpath.digest import Digest
from goldenpath.promote.acts.duties import DutiesScene, lone_paths
from goldenpath.promote.acts.missing import ModelScene, closest, is_in, missing
from goldenpath.promote.gates.gate import Decision
from goldenpath.promote.manifests.desired import Deployment, Restrictions, Slot, slot_name
from goldenpath.promote.platform.platform import Platform, Stage
from goldenpath.release.attest.policy import Finding
from tests.promote.acts.scenes import (
    BREAK_GLASS_RECORD,
    MODEL,
    NOW,
    ONE,
    PROD,
    RULE,
    TWO,
    placed,
    town,
)

OPEN = Finding("evidence", "pass", "it holds")
CLOSED = Finding("approvals", "fail", "0 of 2 people approved", "somebody approves")


def seen(*, dev: Digest | None = None, prod: Digest | None = None) -> ModelScene:
    runs = {"dev": dev, "prod": prod}
    deployments = {
        stage: Deployment(stage, MODEL, (Slot(slot_name(digest), digest, 100),))
        for stage, digest in runs.items()
        if digest is not None
    }
    return ModelScene(town(), PROD, MODEL, NOW, deployments)


def said(*findings: Finding) -> Decision:
    return Decision(TWO, MODEL, "prod", NOW.isoformat(), "", findings, (), ())


@pytest.mark.parametrize(
    ("model", "release"),
    [(seen(), None), (seen(dev=TWO), TWO), (seen(dev=TWO, prod=ONE), TWO),
     (seen(dev=ONE, prod=ONE), None), (seen(prod=ONE), None)],
)  # fmt: skip
def test_the_closest_release_is_in_the_stage_before_and_new(
    model: ModelScene, release: Digest | None
) -> None:
    assert closest(model) == release


@pytest.mark.parametrize(
    ("model", "candidate", "decision", "summary"),
    [
        (seen(), None, None, f"{MODEL} is in no stage"),
        (seen(prod=ONE), None, None, "nothing newer waits"),
        (seen(prod=ONE), ONE, None, f"{ONE} is in prod"),
        (seen(dev=TWO), TWO, said(OPEN), f"nothing but the commit: goldenpath promote {TWO}"),
        (seen(dev=TWO), TWO, said(OPEN, CLOSED), f"{TWO} is kept out of prod by: approvals"),
    ],
    ids=["nowhere", "nothing newer", "in it", "all open", "closed"],
)
def test_what_is_missing_in_one_sentence(
    model: ModelScene, candidate: Digest | None, decision: Decision | None, summary: str
) -> None:
    assert summary in missing(model, candidate, decision).summary


def test_a_hold_and_open_break_glass_are_missing_too_with_who_can_end_them() -> None:
    held = replace(
        seen(dev=TWO, prod=ONE), placement=placed(ONE, hold="x: y", break_glass=BREAK_GLASS_RECORD)
    )

    found = missing(held, TWO, said(OPEN))

    assert [each.check for each in found.missing] == ["hold", "glass"]
    assert "by any listed person" in found.missing[0].cure
    assert found.missing[1].cure.endswith("by one of: validator, risk-manager")
    assert is_in(held, ONE) and not is_in(held, TWO)


BOTH = ("platform-engineer", "validator")
SAFE = replace(PROD, approvals=2)


def sealed(last: Stage) -> Platform:
    return replace(town(last), two_people=True)


@pytest.mark.parametrize(
    ("platform", "is_set_up", "both", "how"),
    [
        (sealed(SAFE), True, BOTH, []),
        (town(SAFE), False, (), ["set-up is open"]),
        (sealed(SAFE), True, (), ["listed every key"]),
        (town(SAFE), True, BOTH, ["not sealed: may change settings of prod alone"]),
        (sealed(PROD), True, BOTH, ["prod asks for no approval"]),
        (sealed(replace(SAFE, gates=())), True, BOTH, ["prod has no gates"]),
        (sealed(replace(SAFE, break_glass=RULE)), True, BOTH, ["may use break-glass in prod"]),
        (sealed(replace(SAFE, break_glass=replace(RULE, approvals=1))), True, BOTH, []),
        (replace(sealed(SAFE), gateway="0.0.0.0:80"), True, BOTH, ["listens on 0.0.0.0:80"]),
    ],
    ids=[
        "none",
        "set-up",
        "one person",
        "not sealed",
        "no approval",
        "no gates",
        "break-glass",
        "one approves",
        "everybody reaches it",
    ],
)
def test_paths_by_which_one_person_reaches_production(
    platform: Platform, is_set_up: bool, both: tuple[str, ...], how: list[str]
) -> None:
    found = lone_paths(DutiesScene("c" * 40, platform, is_set_up, both, {}, NOW))

    assert len(found.paths) == len(how)
    assert all(words in path.how for path, words in zip(found.paths, how, strict=True))
    assert all(path.cure for path in found.paths)


def test_open_break_glass_in_the_last_stage_is_a_path() -> None:
    standing = {
        "prod/credit": Restrictions("", BREAK_GLASS_RECORD),
        "dev/credit": Restrictions("", BREAK_GLASS_RECORD),
        "prod/other": Restrictions("x: y", None),
    }
    (path,) = lone_paths(DutiesScene("c" * 40, sealed(SAFE), True, BOTH, standing, NOW)).paths

    assert (path.who, "prod/credit" in path.how) == ("platform-engineer", True)
