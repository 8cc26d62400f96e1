"""Which releases stay in the registry: each reason, and its neighbour that keeps nothing."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from goldenpath.audit.keeping.release_keeping import (
    KeepingRules,
    KeepingVerdict,
    judge_releases,
    stage_stays,
)
from goldenpath.audit.timeline.live_model import Absence, Intent
from goldenpath.digest import Digest
from goldenpath.oci.descriptor import EMPTY, IMAGE_CONFIG, Descriptor
from goldenpath.oci.manifest import Manifest
from goldenpath.oci.upkeep.layout_census import LayoutRoot
from goldenpath.promote.manifests.desired import Slot
from goldenpath.release.artifact.pack import REVISION
from goldenpath.release.artifact.release_tags import CREATED

NOW = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)
RULES = KeepingRules({"dev": DAY * 10, "prod": DAY * 0}, DAY * 30, DAY * 90)
FIRST, SECOND, THIRD = (Digest.of(each) for each in (b"first", b"second", b"third"))


def root(
    digest: Digest,
    *,
    names: tuple[str, ...] = ("credit-0123456789ab",),
    age: timedelta = DAY * 400,
    is_noted: bool = True,
    config: str = IMAGE_CONFIG,
    annotations: Mapping[str, str] | None = None,
) -> LayoutRoot:
    labels = {CREATED: "2025-01-01T00:00:00Z", REVISION: "0" * 40}
    manifest = Manifest(
        Descriptor.of(config, b"{}"), (), annotations=labels if annotations is None else annotations
    )
    stored = (NOW - age).timestamp()
    content = frozenset({digest.hex})
    return LayoutRoot(digest, names, manifest, is_noted, content, content, stored)


def intent(days_ago: float, *digests: Digest, stage: str = "dev", absence: Absence = "") -> Intent:
    slots = tuple(Slot(f"r{each.hex[:12]}", each, 100) for each in digests)
    time = NOW - DAY * days_ago
    return Intent(time, stage, "credit", "c" * 40, slots, "author", "signer", absence=absence)


def verdict(
    one: LayoutRoot, *history: Intent, in_log: frozenset[str] = frozenset()
) -> KeepingVerdict:
    (judged,) = judge_releases([one], stage_stays(history), in_log, rules=RULES, now=NOW)
    return judged


def test_what_a_stage_has_stays_and_what_it_had_before() -> None:
    history = (intent(300, FIRST), intent(250, SECOND), intent(200, THIRD))

    assert verdict(root(THIRD), *history).reason == "is in dev/credit"
    assert verdict(root(SECOND), *history).reason == "dev/credit had it before"
    gone = verdict(root(FIRST), *history)
    assert not gone.stays
    assert gone.reason == f"left its last stage on {NOW - DAY * 250:%Y-%m-%d}"


def test_a_canary_and_a_standby_are_in_the_stage() -> None:
    canary = intent(200, FIRST, SECOND)
    history = (canary, intent(100, FIRST))

    assert verdict(root(SECOND), canary).stays
    assert not verdict(root(SECOND), *history).stays


def test_a_stopped_deployment_keeps_its_release_and_a_removed_one_does_not() -> None:
    start = intent(300, FIRST), intent(280, SECOND), intent(260, FIRST)

    assert verdict(root(FIRST), *start, intent(200, absence="stopped")).stays
    assert verdict(root(FIRST), *start, intent(200, absence="removed")).reason.startswith("left")


def test_a_release_stays_as_long_as_its_stage_keeps_records() -> None:
    late = KeepingRules({"dev": DAY * 60}, DAY * 30, DAY * 90)
    begin = intent(300, FIRST)

    def stays(days_ago: float, rules: KeepingRules) -> bool:
        stays = stage_stays((begin, intent(days_ago, SECOND), intent(5, THIRD)))
        (judged,) = judge_releases([root(FIRST)], stays, frozenset(), rules=rules, now=NOW)
        return judged.stays

    assert [stays(days, RULES) for days in (29, 31)] == [True, False]
    assert [stays(days, late) for days in (31, 59, 61)] == [True, True, False]


def test_a_stage_without_a_rule_or_without_an_end_keeps_everything() -> None:
    for stage in ("prod", "a-stage-of-the-past"):
        history = (
            intent(300, FIRST, stage=stage),
            intent(299, SECOND, stage=stage),
            intent(298, THIRD, stage=stage),
        )
        assert verdict(root(FIRST), *history).stays, stage


def test_records_in_the_log_keep_a_release() -> None:
    history = (intent(300, FIRST), intent(250, SECOND), intent(200, THIRD))

    kept = verdict(root(FIRST), *history, in_log=frozenset({FIRST.text}))

    assert kept.reason == "the prediction log has records of it"


def test_a_release_in_no_stage_stays_for_a_while() -> None:
    assert verdict(root(FIRST, age=DAY * 89)).stays
    assert not verdict(root(FIRST, age=DAY * 91)).stays


def test_what_is_no_release_of_a_build_stays() -> None:
    assert verdict(root(FIRST, is_noted=False)).reason == "another tool stored it"
    assert verdict(root(FIRST, config=EMPTY)).reason == "is not a release"
    assert verdict(root(FIRST, annotations={})).reason == "is not a release"
    named = verdict(root(FIRST, names=("credit-0123456789ab", "golden")))
    assert named.reason == "somebody named it golden"
    assert not verdict(root(FIRST, names=())).stays
