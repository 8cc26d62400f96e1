"""Break-glass: one person promotes, a second approves in time, and reports show it until then."""

import shutil
from copy import copy
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from goldenpath.audit.events.event import Event
from goldenpath.audit.timeline.intent import read_history
from goldenpath.audit.timeline.live import live_at
from goldenpath.audit.timeline.live_model import LiveModel
from goldenpath.audit.timeline.signed_approvals import SignedApprovals
from goldenpath.deploy.reconcile.inventory import Looked, compare
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, Stalled, VerificationError
from goldenpath.home import Home
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.promote.acts.founding import platform_files
from goldenpath.promote.acts.intents import PromotionIntent
from goldenpath.promote.gates.admission_policy import release_policy
from goldenpath.promote.manifests.deployment_files import release_path
from goldenpath.promote.manifests.desired import Mark, Restrictions
from goldenpath.promote.manifests.placement import render_placement
from goldenpath.promote.manifests.restrictions import marks
from goldenpath.promote.platform.break_glass import BreakGlass, BreakGlassRules
from goldenpath.promote.platform.platform import (
    Freeze,
    Platform,
    Stage,
    parse_platform,
    render_platform,
)
from goldenpath.promote.repository.countersign import set_up_is_over
from goldenpath.promote.workspace.desired_state import Surveyor
from goldenpath.promote.workspace.questions import duties, what_is_missing
from goldenpath.promote.workspace.scene_reader import placement_of
from goldenpath.promote.workspace.stage_changes import hold, promote, roll_back, roll_out
from goldenpath.promote.workspace.trust_changes import change_trust, confirm
from goldenpath.promote.workspace.workspace import Outcome
from goldenpath.release.attest.verify import verify
from goldenpath.release.catalogue.registered import Registered
from tests.promote.road import MODEL, Road

WHY = "the live model declines everybody"
RULE = BreakGlassRules(timedelta(hours=4))


class Emergency(Road):
    """A platform with break-glass rules for prod, and a release in test without approvals."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.allow(RULE)
        self.bring_to_prod(self.release(b"before"))
        self.urgent = self.release(b"urgent")
        for stage in ("dev", "test"):
            self.promote(self.urgent, stage)

    def allow(self, rule: BreakGlassRules | None, freezes: tuple[Freeze, ...] = ()) -> None:
        platform = self.trusted().platform
        *others, prod = platform.stages
        stages = (*others, replace(prod, break_glass=rule, freezes=freezes))
        self.change_platform(replace(platform, stages=stages))

    def change_platform(self, platform: Platform) -> None:
        trusted = self.trusted()
        if not set_up_is_over(self.repository, trusted.commit, trusted.platform):
            super().change_platform(platform)
            return
        self.pass_time(minutes=1)
        files = platform_files(platform)
        done = change_trust(self.desk("platform-engineer"), trusted, files, "platform: change")
        confirm(self.desk("validator"), done.intent.proposal)

    def copy(self, folder: Path) -> "Emergency":
        """Return a copy in another folder: making one takes a second, and each test changes it."""
        shutil.copytree(self.folder, folder)
        other = copy(self)
        other.folder, other.home = folder, Home(folder / "home")
        other.repository, other.store = other.clone("cache"), LayoutStore(other.home.registry)
        return other

    def break_glass(
        self, reason: str = WHY, by: str = "platform-engineer", steps: tuple[int, ...] = (100,)
    ) -> Outcome[PromotionIntent]:
        self.pass_time(minutes=1)
        return promote(self.desk(by), self.urgent, "prod", steps=steps, break_glass=reason)

    @property
    def open_record(self) -> BreakGlass | None:
        found = placement_of(self.repository, self.trusted(), "prod", MODEL)
        assert found is not None
        return found.break_glass

    @property
    def prod(self) -> Stage:
        return self.trusted().platform.stages[-1]

    def admitted(self, break_glass: BreakGlass | None) -> str:
        trusted = self.trusted()
        survey = Surveyor(self.repository).survey(trusted)
        (prod,) = [each for each in survey.deployments if each.stage == "prod"]
        found = self.admission(prod, self.urgent, break_glass)
        return next(each.status for each in found if each.check == "decision")

    def standing(self) -> dict[str, Restrictions]:
        return dict(Surveyor(self.repository).survey(self.trusted()).standing)

    def live(self) -> LiveModel:
        history = read_history(self.repository, self.trusted().commit)
        up = Event(
            history[-1].time.isoformat(), "server.ready", "system", "prod", MODEL,
            self.urgent.text, details={"slot": "x"},
        )  # fmt: skip
        trusted = self.trusted()
        policy, people = release_policy(trusted.platform), trusted.platform.people
        approve = SignedApprovals(
            self.repository,
            lambda each: verify(self.store, each, policy, people=people, now=self.now),
        )
        found = live_at(history, [up], self.now, approve=approve)
        return next(each for each in found if each.stage == "prod")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Emergency:
    return Emergency(tmp_path_factory.mktemp("road"))


@pytest.fixture
def road(made: Emergency, tmp_path: Path) -> Emergency:
    return made.copy(tmp_path / "road")


def test_one_person_lets_it_in_and_the_commit_says_so(road: Emergency) -> None:
    done = road.break_glass()

    commit = next(road.repository.history())
    assert commit.id == done.commit == road.trusted().commit
    assert commit.trailer("Break-Glass") == f"platform-engineer: {WHY}"
    assert commit.trailer("Break-Glass-Until") == "2026-11-23T12:06:00Z"
    assert road.open_record == BreakGlass(
        "platform-engineer", WHY, road.now, road.now + RULE.within
    )
    assert done.decision is not None
    (waived,) = [each for each in done.decision.findings if each.status == "waived"]
    assert waived.check == "approvals"
    assert "0 of 2 people approved" in waived.message


def test_it_is_shown_everywhere_until_somebody_else_approves(road: Emergency) -> None:
    road.break_glass()
    words = f"platform-engineer used break-glass ({WHY}): a second person has to approve by"
    trusted = road.trusted()

    why = what_is_missing(road.view(), MODEL, "prod", None)
    assert words in why.missing[0].message
    assert "by one of: validator, risk-manager" in why.missing[0].cure
    survey = Surveyor(road.repository).survey(trusted)
    seen = Looked(True, True, "")
    found = compare(survey, None, lambda *_: seen, Registered(), stages=("prod",), now=road.now)
    # The release that it replaced is kept there, and is shown with the mark too.
    assert [each.deployment for each in found.cells if each.marks] == [f"prod/{MODEL}"] * 2
    who = [each.who for each in duties(road.repository, trusted, road.standing(), road.now).paths]
    assert "platform-engineer" in who
    assert "glass broken" in {each.kind for each in road.live().mismatches}

    (done,) = road.approve(road.urgent, "validator")

    assert (done.intent.confirms, done.commit) == ("platform-engineer", road.trusted().commit)
    commit = next(road.repository.history())
    assert commit.trailers["Approved-By"] == ("validator",)
    assert commit.trailer("Break-Glass-Confirmed") == "platform-engineer"
    assert (road.open_record, road.standing()) == (None, {})
    live = road.live()
    assert live.intent is not None
    assert (live.mismatches, live.intent.second) == ((), "validator")


def test_who_used_break_glass_is_not_the_second_person(road: Emergency) -> None:
    road.break_glass(by="risk-manager")

    with pytest.raises(InvalidInput, match=r"risk-manager used break-glass .*: somebody else"):
        road.approve(road.urgent, "risk-manager")


def test_nothing_follows_before_somebody_else_approves(road: Emergency) -> None:
    road.break_glass()
    third = road.release(b"third")
    for stage in ("dev", "test"):
        road.promote(third, stage)
    road.approve(third, "validator", "risk-manager")

    with pytest.raises(Stalled, match=r"nothing follows .* into prod yet"):
        road.promote(third, "prod")
    roll_back(road.desk("validator"), MODEL, "prod", reason="it was no better")
    assert road.open_record is None
    assert road.promote(third, "prod").commit


def test_when_the_time_is_over_the_canary_stays_as_it_is(road: Emergency) -> None:
    road.break_glass(steps=(10, 50, 100))
    assert roll_out(road.machine(), MODEL, "prod", None).commit
    road.pass_time(hours=5)

    with pytest.raises(Stalled, match="a second person was due by"):
        roll_out(road.machine(), MODEL, "prod", None)
    assert [mark.kind for mark in marks_of(road)] == ["overdue"]
    road.approve(road.urgent, "risk-manager")
    assert roll_out(road.machine(), MODEL, "prod", None).commit


def test_a_platform_may_ask_for_an_alarm_only(road: Emergency) -> None:
    road.allow(replace(RULE, overdue="alarm"))
    road.break_glass(steps=(10, 100))
    road.pass_time(hours=5)

    assert roll_out(road.machine(), MODEL, "prod", None).commit
    assert [mark.kind for mark in marks_of(road)] == ["overdue"]


def marks_of(road: Emergency) -> list[Mark]:
    return [*marks(road.standing()[f"prod/{MODEL}"], road.now)]


def test_it_is_admitted_while_git_says_so_or_once_a_second_person_approved(
    road: Emergency,
) -> None:
    road.break_glass()
    broken = road.open_record

    assert (road.admitted(broken), road.admitted(None)) == ("pass", "fail")
    road.approve(road.urgent, "validator")
    assert road.admitted(None) == "pass"
    road.allow(None)
    assert road.admitted(broken) == "pass", "the rules of its entry stay; nobody may use it again"


def test_a_freeze_gives_way_to_broken_glass(road: Emergency) -> None:
    freeze = Freeze(road.now, road.now + timedelta(days=9), "end of the year")
    road.allow(RULE, (freeze,))

    assert road.break_glass(steps=(10, 100)).commit
    assert roll_out(road.machine(), MODEL, "prod", None).commit


@pytest.mark.parametrize(
    ("rule", "reason", "by", "said"),
    [
        (None, WHY, "validator", "prod has no break-glass rules"),
        (RULE, "quick", "validator", "expected at least 10 characters, got 5"),
        (replace(RULE, roles=("risk-manager",)), WHY, "validator", "one of the roles risk-manager"),
    ],
)
def test_who_may_not_use_break_glass_is_refused(
    road: Emergency, rule: BreakGlassRules | None, reason: str, by: str, said: str
) -> None:
    if rule != road.prod.break_glass:
        road.allow(rule)
    before = road.trusted().commit

    with pytest.raises(InvalidInput, match=said):
        road.break_glass(reason, by)
    assert road.trusted().commit == before


def test_break_glass_overrules_approvals_and_no_evidence(road: Emergency) -> None:
    road.allow(replace(RULE, approvals=1))

    assert road.break_glass().closed == ("approvals",)
    road.approve(road.urgent, "validator")
    assert road.break_glass().closed == ()


def test_break_glass_is_refused_where_it_is_not_needed(road: Emergency) -> None:
    road.approve(road.urgent, "validator", "risk-manager")

    with pytest.raises(InvalidInput, match="break-glass is not needed"):
        road.break_glass()


@pytest.mark.parametrize("cheat", ["end it", "longer", "in another's name"])
def test_a_commit_by_hand_does_not_get_around_the_second_person(
    road: Emergency, cheat: str
) -> None:
    road.break_glass()
    trusted = road.trusted()
    found = placement_of(road.repository, trusted, "prod", MODEL)
    assert found is not None and found.break_glass is not None
    break_glass = {
        "end it": None,
        "longer": replace(found.break_glass, until=found.break_glass.until + timedelta(days=30)),
        "in another's name": replace(found.break_glass, by="risk-manager"),
    }[cheat]
    after = render_placement(replace(found, break_glass=break_glass))
    engineer = road.people["platform-engineer"]
    road.repository.commit(
        trusted.commit, {release_path("prod", MODEL): after}, "by hand", engineer.name,
        key=engineer.key, now=road.now,
    )  # fmt: skip

    with pytest.raises(VerificationError, match=r"ends break-glass|uses break-glass"):
        road.trusted()


def test_break_glass_without_approvals_is_a_path_that_sod_lists(road: Emergency) -> None:
    (path,) = duties(road.repository, road.trusted(), {}, road.now).paths[-1:]

    assert "may use break-glass in prod" in path.how
    road.allow(replace(RULE, approvals=1))
    found = duties(road.repository, road.trusted(), {}, road.now).paths
    assert not [each for each in found if "break-glass" in each.how]


def test_a_hold_is_not_overruled(road: Emergency) -> None:
    hold(road.desk("validator"), MODEL, "prod", "complaints are looked at")

    with pytest.raises(Stalled, match="on hold"):
        road.break_glass()


def test_the_rule_is_read_and_written(road: Emergency) -> None:
    rule = BreakGlassRules(timedelta(minutes=90), 1, ("risk-manager",), "alarm")
    road.allow(rule)

    platform = road.trusted().platform
    assert platform.stages[-1].break_glass == rule
    assert parse_platform(render_platform(platform)) == platform
    text = render_platform(platform).replace(b'"90m"', b'"30d"')
    with pytest.raises(InvalidInput, match="at most 7 days"):
        parse_platform(text)


def test_rolling_back_to_what_was_never_there_is_refused(road: Emergency) -> None:
    with pytest.raises(InvalidInput, match="was never the stable release"):
        roll_back(road.desk("validator"), MODEL, "prod", reason="x", to=Digest.of(b"never"))
