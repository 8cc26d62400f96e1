"""The ID of a change: demanded where a stage says so, by the act, by followers, by the bank."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from goldenpath.compose.audits.change_command import check_change
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, Unavailable, VerificationError
from goldenpath.promote.acts.intents import PromotionIntent
from goldenpath.promote.manifests.deployment_files import render_deployment
from goldenpath.promote.manifests.desired import Deployment, Slot, slot_name
from goldenpath.promote.manifests.restrictions import is_change_id
from goldenpath.promote.platform.platform import parse_platform, render_platform
from goldenpath.promote.workspace.stage_changes import promote, roll_back, roll_out
from goldenpath.promote.workspace.workspace import Outcome
from goldenpath.settings import CHANGE_VARIABLE
from tests.promote.road import MODEL, Road

DIGEST = Digest.of(b"one")


@pytest.fixture
def road(tmp_path: Path) -> Road:
    """A platform whose first stage demands changes."""
    made = Road(tmp_path)
    platform = made.trusted().platform
    dev, *others = platform.stages
    made.change_platform(replace(platform, stages=(replace(dev, change_id=True), *others)))
    return made


def enter(
    road: Road, release: Digest, change: str, steps: tuple[int, ...] = (100,)
) -> Outcome[PromotionIntent]:
    road.pass_time(minutes=1)
    desk = road.desk("platform-engineer")
    return promote(desk, release, "dev", steps=steps, change=change)


def test_the_setting_reads_back(road: Road) -> None:
    platform = road.trusted().platform

    assert parse_platform(render_platform(platform)) == platform
    assert [stage.change_id for stage in platform.stages] == [True, False, False]


def test_a_stage_that_demands_a_change_takes_a_release_only_with_one(road: Road) -> None:
    one, two = road.release(b"one"), road.release(b"two")
    with pytest.raises(InvalidInput, match="dev demands the ID of a change"):
        enter(road, one, "")
    with pytest.raises(InvalidInput, match="is no ID of a change"):
        enter(road, one, "CHG 1\nApproved-By: me")

    first = enter(road, one, "CHG0012345")
    (commit,) = road.repository.commits([first.commit])
    assert commit.trailer("Change") == "CHG0012345"
    # What moves or takes back what is there needs no new one.
    assert enter(road, two, "CHG-2", steps=(10, 50, 100)).commit
    assert roll_out(road.machine(), MODEL, "dev", None).commit
    assert roll_back(road.desk("validator"), MODEL, "dev", reason="wrong").commit
    # A stage without the setting asks for none.
    assert road.promote(one, "test").commit
    assert road.trusted().commit == road.repository.head()


@pytest.mark.parametrize("trailer", ["", "Change: \n", "Change: a b\n", "change-id: CHG1\n"])
def test_followers_refuse_a_commit_by_hand_without_a_change(road: Road, trailer: str) -> None:
    release = road.release(b"one")
    trusted = road.trusted()
    slot = Slot(slot_name(release), release, 100)
    files = render_deployment(Deployment("dev", MODEL, (slot,)), trusted.platform)
    engineer = road.people["platform-engineer"]
    road.repository.commit(
        trusted.commit, {**files}, f"dev: promote by hand\n\nby hand\n\n{trailer}Stage: dev\n",
        engineer.name, key=engineer.key, now=road.now,
    )  # fmt: skip

    with pytest.raises(VerificationError, match="without the trailer Change: ID"):
        road.trusted()


def test_followers_take_a_commit_by_hand_with_a_change(road: Road) -> None:
    release = road.release(b"one")
    slot = Slot(slot_name(release), release, 100)
    files = render_deployment(Deployment("dev", MODEL, (slot,)), road.trusted().platform)
    engineer = road.people["platform-engineer"]
    commit = road.repository.commit(
        road.trusted().commit, {**files}, "dev: promote by hand\n\nChange: CHG1\nStage: dev\n",
        engineer.name, key=engineer.key, now=road.now,
    )  # fmt: skip

    assert road.trusted().commit == commit


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("CHG1", True), ("a/b#2-c_d.e", True), ("x" * 64, True), ("x" * 65, False), ("", False),
     ("-x", False), ("a b", False), ("a\n", False), ("é", False)],
)  # fmt: skip
def test_an_id_is_one_word(text: str, is_one: bool) -> None:
    assert is_change_id(text) is is_one


def _command(folder: Path, code: str) -> str:
    script = folder / "check.py"
    script.write_text(f"import sys, time\n{code}\n")
    return f"{sys.executable} {script}"


def test_the_command_of_the_bank_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "told"
    allow = f"open({str(told)!r}, 'w').write(' '.join(sys.argv[1:]))"
    monkeypatch.setenv(CHANGE_VARIABLE, _command(tmp_path, allow))
    assert "was checked by" in check_change("CHG1", "prod", DIGEST)
    assert told.read_text() == f"CHG1 prod {DIGEST}"

    monkeypatch.setenv(CHANGE_VARIABLE, _command(tmp_path, "sys.exit('CHG1 is closed')"))
    with pytest.raises(VerificationError, match="CHG1 was refused: CHG1 is closed"):
        check_change("CHG1", "prod", DIGEST)
    monkeypatch.setenv(CHANGE_VARIABLE, str(tmp_path / "gone"))
    with pytest.raises(Unavailable, match="is not installed"):
        check_change("CHG1", "prod", DIGEST)
    monkeypatch.setenv(CHANGE_VARIABLE, "'")
    with pytest.raises(InvalidInput, match="cannot be split"):
        check_change("CHG1", "prod", DIGEST)
    monkeypatch.setenv(CHANGE_VARIABLE, _command(tmp_path, "pass"))
    with pytest.raises(InvalidInput, match="is no ID"):
        check_change("--help", "prod", DIGEST)


def test_without_a_command_the_note_says_that_nobody_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(CHANGE_VARIABLE, raising=False)

    assert "was not checked" in check_change("CHG1", "prod", DIGEST)
    assert check_change("", "prod", DIGEST) == ""
