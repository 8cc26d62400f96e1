"""Promotion as a pure function: open and closed gates, and stages that accept no release."""

from dataclasses import replace
from datetime import timedelta

import pytest

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, Stalled
from goldenpath.promote.acts.intents import Declined, StageChange
from goldenpath.promote.acts.promotion import PromotionWish, promote
from goldenpath.promote.acts.scene import ReleaseScene, StageScene
from goldenpath.promote.manifests.deployment_files import parse_deployments
from goldenpath.promote.manifests.desired import Rollout
from goldenpath.promote.platform.forge_settings import ClusterSettings, Profile
from goldenpath.promote.platform.platform import Freeze
from tests.promote.acts.scenes import (
    BREAK_GLASS_RECORD,
    MACHINE,
    MODEL,
    NOW,
    ONE,
    PEOPLE,
    PROD,
    RULE,
    TWO,
    WHY,
    release_scene,
    scene,
)

AT_ONCE = PromotionWish(Rollout())
CANARY = PromotionWish(Rollout((10, 50, 100)), "better on young people")
FREEZE = Freeze(NOW, NOW + timedelta(days=1), "end of the year")
STRICT = replace(PROD, gates=("evidence", "approvals"), approvals=1, break_glass=RULE)


def entered(seen: ReleaseScene, wish: PromotionWish = AT_ONCE) -> StageChange:
    done = promote(seen, wish)
    assert isinstance(done, StageChange)
    return done


def declined(seen: ReleaseScene, wish: PromotionWish = AT_ONCE) -> list[str]:
    done = promote(seen, wish)
    assert isinstance(done, Declined)
    return [each.check for each in done.decision.findings if each.status == "fail"]


@pytest.mark.parametrize(
    ("running", "wish", "after"),
    [
        ((), AT_ONCE, [(TWO, 100)]),
        ((), CANARY, [(TWO, 100)]),
        (((ONE, 100),), AT_ONCE, [(TWO, 100)]),
        (((ONE, 100),), CANARY, [(ONE, 90), (TWO, 10)]),
        (((ONE, 100),), PromotionWish(Rollout((0, 100))), [(ONE, 100), (TWO, 0)]),
    ],
)
def test_a_release_enters_at_once_or_as_a_canary(
    running: tuple[tuple[Digest, int], ...], wish: PromotionWish, after: list[tuple[Digest, int]]
) -> None:
    done = entered(release_scene(scene(*running)), wish)

    assert [(slot.digest, slot.percent) for slot in done.deployment.slots] == after
    assert done.message.share == after[-1][1]
    assert done.placement.previous == done.message.previous == (ONE if running else None)
    assert done.placement.rollout == wish.rollout


def test_the_decision_is_the_statement_and_files_name_it_once_it_is_signed() -> None:
    done = entered(release_scene(scene()))
    envelope = Digest.of(b"envelope")

    assert done.statement is not None
    assert done.statement.predicate["allowed"] is True
    assert done.statement.subjects == (TWO,)
    signed = done.relying_on(envelope)
    assert f"Decision: {envelope}" in signed.message.render()
    assert envelope.text.encode() in (signed.files[f"envs/prod/{MODEL}/release.yaml"] or b"")
    assert "Decision:" not in done.message.render()


@pytest.mark.parametrize(
    ("wish", "reason"),
    [(AT_ONCE, "1 of 1 gates passed, none failed"), (CANARY, "better on young people")],
)
def test_the_commit_says_why(wish: PromotionWish, reason: str) -> None:
    assert entered(release_scene(scene()), wish).message.reason == reason


def test_a_closed_gate_is_a_value_with_its_findings() -> None:
    done = promote(release_scene(scene(), fault="it is not signed"), AT_ONCE)

    assert isinstance(done, Declined)
    (finding,) = done.decision.findings
    assert (finding.check, finding.status, finding.message) == (
        "evidence",
        "fail",
        "it is not signed",
    )


def test_nothing_new_enters_in_a_freeze() -> None:
    frozen = replace(PROD, freezes=(FREEZE,))

    assert declined(release_scene(scene((ONE, 100), stage=frozen))) == ["freeze"]


def test_missing_approvals_close_the_stage() -> None:
    assert declined(release_scene(scene(stage=STRICT))) == ["approvals"]


@pytest.mark.parametrize("stage", [STRICT, replace(PROD, break_glass=RULE, freezes=(FREEZE,))])
def test_break_glass_overrules_people_and_calendars_and_is_on_record(stage: object) -> None:
    seen = release_scene(scene((ONE, 100), stage=stage))  # type: ignore[arg-type]

    done = entered(seen, replace(CANARY, reason="", break_glass=WHY))

    assert done.placement.break_glass == BREAK_GLASS_RECORD
    assert done.message.reason == WHY
    message = done.message.render()
    assert f"Break-Glass: platform-engineer: {WHY}" in message
    assert "Break-Glass-Until: 2026-11-23T16:00:00Z" in message


def test_break_glass_overrules_no_evidence() -> None:
    seen = release_scene(scene(stage=STRICT), fault="it is not signed")

    assert declined(seen, replace(AT_ONCE, break_glass=WHY)) == ["evidence"]


@pytest.mark.parametrize(
    ("seen", "reason", "said"),
    [
        (scene(stage=replace(STRICT, break_glass=None)), WHY, "has no break-glass rules"),
        (scene(stage=STRICT), "quick", "expected at least 10 characters"),
        (scene(stage=replace(PROD, break_glass=RULE)), WHY, "break-glass is not needed"),
        (
            scene(stage=replace(STRICT, break_glass=replace(RULE, roles=("validator",)))),
            WHY,
            "one of the roles validator",
        ),
        (scene(stage=STRICT, person=MACHINE), WHY, "only people may use break-glass"),
    ],
    ids=["no rule", "no reason", "nothing to overrule", "no role", "a machine"],
)
def test_break_glass_is_refused(seen: StageScene, reason: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        promote(release_scene(seen), replace(AT_ONCE, break_glass=reason))


@pytest.mark.parametrize(
    ("seen", "error", "said"),
    [
        (scene((ONE, 90), (TWO, 10)), InvalidInput, "has a canary in progress: .* at 10 percent"),
        (scene((TWO, 100)), InvalidInput, "runs .* already: nothing to do"),
        (scene((ONE, 100), hold="validator: why"), Stalled, "is on hold: validator: why"),
        (
            scene((ONE, 100), break_glass=BREAK_GLASS_RECORD),
            Stalled,
            "nothing follows .* into prod yet",
        ),
    ],
    ids=["canary", "runs already", "hold", "open break-glass"],
)
def test_a_stage_that_takes_nothing_now(
    seen: StageScene, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        promote(release_scene(seen), AT_ONCE)


def test_choosing_an_older_release_is_a_hold() -> None:
    seen = replace(release_scene(scene((ONE, 100))), was_here=True)

    assert entered(seen).placement.hold == "platform-engineer chose an older release"
    assert entered(release_scene(scene((ONE, 100)))).placement.hold == ""


def test_a_canary_of_what_may_sleep_does_not_keep_it_awake() -> None:
    seen = scene((ONE, 100))
    assert seen.deployment is not None
    (slot,) = seen.deployment.slots
    sleeping = replace(seen.deployment, slots=(replace(slot, replicas=0),))

    done = entered(release_scene(replace(seen, deployment=sleeping)), CANARY)

    assert [each.replicas for each in done.deployment.slots] == [0, 0]


def test_the_branch_for_a_protected_main_names_action_stage_model_and_release() -> None:
    done = entered(release_scene(scene()))

    assert done.branch == f"goldenpath/promote-prod-{MODEL}-{TWO.hex[:12]}"


def test_who_promotes_is_in_the_decision() -> None:
    done = entered(release_scene(scene(person=PEOPLE["validator"])))

    assert done.decision is not None
    assert (done.decision.actor, done.decision.decided_at) == (
        "validator",
        "2026-11-23T12:00:00+00:00",
    )


@pytest.mark.parametrize("profile", ["standard", "knative"])
def test_the_profile_of_the_cluster_decides_how_a_new_model_is_written(profile: Profile) -> None:
    empty = scene()
    known = replace(empty.platform, cluster=ClusterSettings(profile=profile))

    done = entered(release_scene(replace(empty, platform=known)))

    written = b"".join(content or b"" for content in done.files.values())
    is_knative = profile == "knative"
    assert any(path.endswith("/route.yaml") for path in done.files) is not is_knative
    assert (b"deploymentMode: Knative" in written) is is_knative
    applied = {path: each for path, each in done.files.items() if each and "release" not in path}
    (declared,) = parse_deployments(applied, known)
    assert declared == done.deployment
    assert b"runtime: goldenpath" in written
