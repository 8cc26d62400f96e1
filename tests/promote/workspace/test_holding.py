"""Hold, resume, older releases and freezes: a held canary does not move."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, Stalled, VerificationError
from goldenpath.promote.manifests.deployment_files import release_path, render_deployment
from goldenpath.promote.manifests.desired import Deployment, Slot, slot_name
from goldenpath.promote.manifests.placement import parse_placement
from goldenpath.promote.platform.platform import Freeze, parse_platform, render_platform
from goldenpath.promote.workspace.questions import what_is_missing
from goldenpath.promote.workspace.stage_changes import hold, resume, roll_back, roll_out
from tests.promote.repository.deployed import replacing
from tests.promote.road import MODEL, Road


@pytest.fixture
def road(tmp_path: Path) -> Road:
    return Road(tmp_path)


@pytest.fixture
def canary(road: Road) -> Digest:
    """A release at ten percent in dev."""
    road.promote(road.release(b"one"), "dev")
    two = road.release(b"two")
    road.promote(two, "dev", steps=(10, 50, 100))
    return two


def held(road: Road) -> str:
    path = release_path("dev", MODEL)
    content = road.repository.read(road.trusted().commit, path)
    assert content is not None
    return parse_placement(content, path).hold


def test_a_hold_keeps_people_and_machines_from_moving_on(road: Road, canary: Digest) -> None:
    hold(road.desk("validator"), MODEL, "dev", "complaints are looked at")

    assert held(road) == "validator: complaints are looked at"
    for desk in (road.machine(), road.desk("platform-engineer")):
        with pytest.raises(Stalled, match="on hold: validator: complaints"):
            roll_out(desk, MODEL, "dev", None)
    with pytest.raises(Stalled, match="on hold"):
        road.promote(road.release(b"three"), "dev")


def test_why_names_the_hold_and_how_it_ends(road: Road, canary: Digest) -> None:
    hold(road.desk("validator"), MODEL, "dev", "complaints")
    three = road.release(b"three")

    found = what_is_missing(road.view(), MODEL, "dev", three)

    assert "is kept out of dev by: hold" in found.summary
    assert found.missing[-1].message == "on hold: validator: complaints"
    assert "goldenpath resume" in found.missing[-1].cure


def test_who_resumes_lets_it_go_on(road: Road, canary: Digest) -> None:
    hold(road.desk("validator"), MODEL, "dev", "complaints are looked at")
    resume(road.desk("validator"), MODEL, "dev", "they were about something else")

    done = roll_out(road.machine(), MODEL, "dev", None)

    assert done.deployment is not None
    assert done.deployment.slots[-1].percent == 50


def test_going_back_needs_no_resuming_and_keeps_the_hold(road: Road, canary: Digest) -> None:
    hold(road.desk("validator"), MODEL, "dev", "complaints")

    roll_back(road.machine(), MODEL, "dev", reason="errors")

    assert held(road) == "validator: complaints"
    assert road.trusted()


def test_a_machine_neither_holds_nor_resumes(road: Road, canary: Digest) -> None:
    with pytest.raises(InvalidInput, match="does not list"):
        hold(road.machine(), MODEL, "dev", "x")


@pytest.mark.parametrize("keeps", [True, False])
def test_a_machine_that_goes_on_all_the_same_is_not_followed(
    road: Road, canary: Digest, keeps: bool
) -> None:
    next_step = roll_out(road.machine(), MODEL, "dev", None).commit
    files = dict(road.repository.files(next_step, f"envs/dev/{MODEL}"))
    roll_back(road.machine(), MODEL, "dev", reason="to begin again")
    road.promote(canary, "dev", steps=(10, 50, 100))
    if not held(road):
        hold(road.desk("validator"), MODEL, "dev", "complaints")
    if keeps:
        words = road.repository.read(road.trusted().commit, release_path("dev", MODEL))
        assert words is not None
        files[release_path("dev", MODEL)] = words
    machine = road.machine().acting
    road.repository.commit(
        road.trusted().commit, {**files}, "go on", machine.name, key=machine.key, now=road.now
    )

    with pytest.raises(VerificationError, match="on hold" if keeps else "ends the hold"):
        road.trusted()


def commit_by_hand(road: Road, *releases: tuple[Digest, int]) -> None:
    """Commit the file by hand, without a verb."""
    slots = tuple(Slot(slot_name(digest), digest, share) for digest, share in releases)
    trusted, engineer = road.trusted(), road.people["platform-engineer"]
    made = render_deployment(Deployment("dev", MODEL, slots), trusted.platform)
    files = replacing(road.repository, trusted.commit, made)
    road.repository.commit(
        trusted.commit, files, "by hand", engineer.name, key=engineer.key, now=road.now
    )


def test_a_commit_by_hand_does_not_move_what_is_on_hold(road: Road, canary: Digest) -> None:
    stable = road.release(b"one")
    hold(road.desk("validator"), MODEL, "dev", "complaints")
    commit_by_hand(road, (stable, 100))
    assert road.trusted()  # going back is nobody's harm
    commit_by_hand(road, (stable, 50), (canary, 50))

    said = rf"by platform-engineer moves dev/{MODEL}, which is on hold: validator: complaints"
    with pytest.raises(VerificationError, match=said):
        road.trusted()


def test_a_commit_by_hand_does_not_get_past_a_freeze(road: Road, canary: Digest) -> None:
    stable = road.release(b"one")
    freeze_dev(road)
    commit_by_hand(road, (stable, 100))
    assert road.trusted()
    commit_by_hand(road, (canary, 100))

    with pytest.raises(VerificationError, match="dev is frozen until"):
        road.trusted()


def freeze_dev(road: Road) -> None:
    freeze = Freeze(road.now, road.now + timedelta(days=3), "end of the year")
    platform = road.trusted().platform
    dev, *others = platform.stages
    road.change_platform(replace(platform, stages=(replace(dev, freezes=(freeze,)), *others)))


def test_going_back_further_is_named_by_digest(road: Road, canary: Digest) -> None:
    one = road.release(b"one")
    roll_out(road.machine(), MODEL, "dev", 100)
    road.promote(road.release(b"three"), "dev")
    freeze_dev(road)

    done = roll_back(road.desk("validator"), MODEL, "dev", reason="both are wrong", to=one)

    assert done.deployment is not None
    assert [slot.digest for slot in done.deployment.slots] == [one]
    assert road.trusted().commit == done.commit
    with pytest.raises(InvalidInput, match=r"runs .* already"):
        roll_back(road.desk("validator"), MODEL, "dev", reason="again", to=one)


def test_choosing_an_older_release_is_a_hold(road: Road, canary: Digest) -> None:
    roll_out(road.machine(), MODEL, "dev", 100)
    older = road.release(b"one")

    road.promote(older, "dev", steps=(10, 100))

    assert held(road) == "platform-engineer chose an older release"
    with pytest.raises(Stalled):
        roll_out(road.machine(), MODEL, "dev", None)


def test_holding_twice_and_resuming_nothing_are_said(road: Road, canary: Digest) -> None:
    with pytest.raises(InvalidInput, match="is not on hold"):
        resume(road.desk("validator"), MODEL, "dev", "x")
    hold(road.desk("validator"), MODEL, "dev", "x")
    with pytest.raises(InvalidInput, match="on hold already: validator: x"):
        hold(road.desk("risk-manager"), MODEL, "dev", "y")


def test_in_a_freeze_nothing_enters_and_everything_goes_back(road: Road, canary: Digest) -> None:
    freeze_dev(road)

    with pytest.raises(Stalled, match="end of the year"):
        roll_out(road.machine(), MODEL, "dev", None)
    roll_back(road.machine(), MODEL, "dev", reason="errors")
    refused = road.promote(road.release(b"three"), "dev")
    road.pass_time(days=3)
    late = road.promote(road.release(b"three"), "dev")

    assert refused.closed == ("freeze",)
    assert late.commit


def test_a_freeze_is_read_as_it_was_written(road: Road) -> None:
    freeze = Freeze(road.now, road.now + timedelta(days=3), "end of the year")
    platform = road.trusted().platform
    dev, *others = platform.stages
    frozen = replace(platform, stages=(replace(dev, freezes=(freeze,)), *others))

    assert parse_platform(render_platform(frozen)) == frozen
    backwards = replace(dev, freezes=(Freeze(freeze.end, freeze.start, "x"),))
    with pytest.raises(InvalidInput, match="a time after from"):
        parse_platform(render_platform(replace(platform, stages=(backwards, *others))))
