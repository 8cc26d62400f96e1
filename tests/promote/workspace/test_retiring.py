"""A model leaves production by two people, and comes back by a promotion; all parts are real."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from goldenpath.audit.events.commit_events import CommitEvents
from goldenpath.audit.events.event_log import EventLog
from goldenpath.audit.registers.register_gathering import gather_register
from goldenpath.audit.timeline.live import live_at
from goldenpath.audit.timeline.live_page import render_live
from goldenpath.audit.timeline.signed_approvals import SignedApprovals
from goldenpath.deploy.reconcile.plan import plan
from goldenpath.deploy.reconcile.target import Prune, Running
from goldenpath.digest import Digest
from goldenpath.errors import AlreadyDone, InvalidInput, NotFound, Stalled, VerificationError
from goldenpath.promote.acts.holding import DeploymentUse
from goldenpath.promote.acts.intents import TrustIntent
from goldenpath.promote.manifests.deployment_files import deployment_folder
from goldenpath.promote.repository.chain_of_trust import follow
from goldenpath.promote.workspace.desired_state import Surveyor
from goldenpath.promote.workspace.scene_reader import deployment_of
from goldenpath.promote.workspace.stage_changes import hold, resume, retire
from goldenpath.promote.workspace.trust_changes import confirm
from goldenpath.promote.workspace.workspace import Outcome
from tests.audit.registers.asking import records_of
from tests.promote.road import MODEL, Road

UNUSED = DeploymentUse((), ("callers of other machines",))


def leave(
    road: Road, stage: str = "prod", by: str = "platform-engineer", use: DeploymentUse = UNUSED
) -> Outcome[TrustIntent]:
    road.pass_time(minutes=1)
    return retire(road.desk(by), MODEL, stage, "replaced by the next one", use=lambda: use)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> tuple[Road, Digest]:
    road = Road(tmp_path_factory.mktemp("retiring"))
    release = road.release()
    assert road.bring_to_prod(release).commit
    return road, release


def test_two_people_end_a_model_in_production_and_a_promotion_brings_it_back(
    live: tuple[Road, Digest],
) -> None:
    road, release = live
    with pytest.raises(Stalled, match="is used: 3 answers"):
        leave(road, use=DeploymentUse(("3 answers since noon",), ()))
    before = Surveyor(road.repository).survey(road.trusted()).deployments
    proposed = leave(road)
    assert (proposed.commit, road.trusted().commit) == ("", road.repository.head())
    assert deployment_of(road.repository, road.trusted(), "prod", MODEL) is not None

    with pytest.raises(InvalidInput, match="cannot confirm"):
        confirm(road.desk("platform-engineer"), proposed.intent.proposal)
    asked: list[tuple[str, str]] = []

    def used(stage: str, model: str) -> DeploymentUse:
        asked.append((stage, model))
        return DeploymentUse(("1 answers since then",), ())

    with pytest.raises(Stalled, match=f"prod/{MODEL} is used: 1 answers"):
        confirm(road.desk("validator"), proposed.intent.proposal, use=used)
    assert asked == [("prod", MODEL)]
    ended = confirm(
        road.desk("validator"), proposed.intent.proposal, use=lambda stage, model: UNUSED
    )

    assert ended.commit == road.trusted().commit
    assert road.repository.files(ended.commit, deployment_folder("prod", MODEL)) == {}
    # Whoever follows git stops it, and nothing else.
    running = {each.name: Running(each, "ready") for each in before}
    wanted = {
        each.name: each for each in Surveyor(road.repository).survey(road.trusted()).deployments
    }
    assert plan(wanted, running) == (Prune(f"prod/{MODEL}"),)
    _is_shown(road, release)
    with pytest.raises(NotFound, match="is not in prod"):
        leave(road)

    # The evidence is still there, so the same release needs nothing new.
    back = road.promote(release, "prod")
    assert back.commit, back.decision
    deployment = deployment_of(road.repository, road.trusted(), "prod", MODEL)
    assert deployment is not None and not road.trusted().time_note
    assert {each.status for each in road.admission(deployment, release)} == {"pass"}
    (system,) = gather_register(records_of(road, road.now), road.home).systems
    assert [each.state for each in system.stages] == ["live", "live", "live"]
    with pytest.raises(AlreadyDone, match="is not on hold"):
        resume(road.desk("validator"), MODEL, "prod", "nothing held it")


def _is_shown(road: Road, release: Digest) -> None:
    """The register, `at` and the audit log say who retired it, and why."""
    records = records_of(road, road.now)
    (system,) = gather_register(records, road.home).systems
    stage = system.stages[-1]
    assert (stage.state, stage.reason) == ("retired", "replaced by the next one")
    assert {stage.signer, *stage.confirmed_by} == {"platform-engineer", "validator"}
    assert [each.digest for each in stage.releases] == [release]
    moment = road.now + timedelta(minutes=10)
    approve = SignedApprovals(road.repository, records.statements)
    shown = live_at(records.history(), (), moment, approve=approve)
    (prod,) = (each for each in shown if each.stage == "prod")
    assert prod.mismatches == () and prod.intent is not None
    text = render_live([prod], moment)
    assert "retired: by this commit nothing is to run" in text
    assert "replaced by the next one" in text
    earlier = live_at(records.history(), (), road.now - timedelta(minutes=2), approve=approve)
    assert any(each.stage == "prod" and each.shares for each in earlier)


def test_in_dev_one_person_is_enough_and_the_event_follows(tmp_path: Path) -> None:
    road = Road(tmp_path)
    release = road.release()
    road.promote(release, "dev")
    events = CommitEvents(road.home.events, road.repository, lambda: road.now)
    events.catch_up(road.trusted().commit)

    outcome = leave(road, "dev")
    events.catch_up(outcome.commit)

    assert outcome.commit == road.trusted().commit
    (event,) = EventLog(road.home.events).read()
    assert (event.kind, event.actor, event.stage) == ("release.retired", "platform-engineer", "dev")
    assert (event.digest, event.commit) == (release.text, outcome.commit)


def test_a_held_model_is_not_retired(tmp_path: Path) -> None:
    road = Road(tmp_path)
    road.promote(road.release(), "dev")
    hold(road.desk("validator"), MODEL, "dev", "complaints")

    with pytest.raises(Stalled, match="is on hold"):
        leave(road, "dev")


def test_on_a_sealed_platform_a_retirement_by_one_person_is_not_followed(tmp_path: Path) -> None:
    road = Road(tmp_path)
    road.change_platform(replace(road.trusted().platform, two_people=True))
    assert road.bring_to_prod(road.release()).commit
    trusted = road.trusted()
    folder = deployment_folder("prod", MODEL)
    files = dict.fromkeys(road.repository.files(trusted.commit, folder))
    assert files
    engineer = road.people["platform-engineer"]
    road.repository.commit(
        trusted.commit, files, f"prod: retire {MODEL} x\n\nStage: prod\n", engineer.name,
        key=engineer.key, now=road.now,
    )  # fmt: skip

    with pytest.raises(VerificationError, match=f"removes prod/{MODEL}"):
        follow(road.repository, road.home.trust, road.now)
