"""Hold and resume as pure functions."""

import pytest

from goldenpath.errors import InvalidInput, NotFound
from goldenpath.promote.acts.holding import hold, resume
from goldenpath.promote.acts.scene import StageScene
from goldenpath.promote.manifests.placement import parse_placement
from goldenpath.promote.repository.commit import parse_trailers
from tests.promote.acts.scenes import HEAD, MACHINE, MODEL, NOW, ONE, TWO, scene

RUNNING = ((ONE, 90), (TWO, 10))


def test_a_hold_is_written_into_the_release_file_with_who_and_why() -> None:
    done = hold(scene(*RUNNING), "complaints are looked at")

    written = done.files[f"envs/prod/{MODEL}/release.yaml"]
    assert written is not None
    assert parse_placement(written).hold == "platform-engineer: complaints are looked at"
    assert (done.parent, done.time) == (HEAD, NOW)
    assert done.deployment == scene(*RUNNING).deployment


def test_the_message_of_a_hold_has_trailers_for_machines() -> None:
    message = hold(scene(*RUNNING), "complaints").message.render()

    assert message.startswith(f"prod: hold {MODEL} {TWO.short}\n\ncomplaints\n\n")
    assert dict(parse_trailers(message)) == {
        "Release-Digest": (TWO.text,),
        "Stage": ("prod",),
        "Model": (MODEL,),
        "Traffic-Share": ("10",),
        "Reason": ("complaints",),
    }


def test_resuming_ends_the_hold_and_changes_nothing_else() -> None:
    held = scene(*RUNNING, hold="validator: complaints")

    done = resume(held, "they were about something else")

    assert done.placement.hold == ""
    assert done.placement == scene(*RUNNING).placement
    assert done.deployment == held.deployment
    assert done.message.action == "resume"


@pytest.mark.parametrize("act", [hold, resume])
@pytest.mark.parametrize(
    ("seen", "error", "said"),
    [
        (scene(), NotFound, f"{MODEL} is not in prod"),
        (scene(*RUNNING, person=MACHINE), InvalidInput, "platform.toml does not list rollout"),
    ],
    ids=["not in the stage", "a machine"],
)
def test_what_nobody_holds_or_resumes(
    act: object, seen: StageScene, error: type[Exception], said: str
) -> None:
    assert callable(act)
    with pytest.raises(error, match=said):
        act(seen, "because")


def test_a_hold_is_neither_set_nor_ended_twice() -> None:
    with pytest.raises(InvalidInput, match=f"prod/{MODEL} is on hold already: validator: why"):
        hold(scene(*RUNNING, hold="validator: why"), "because")
    with pytest.raises(InvalidInput, match=f"prod/{MODEL} is not on hold"):
        resume(scene(*RUNNING), "because")


def test_the_same_scene_gives_the_same_commit() -> None:
    one, two = (hold(scene(*RUNNING), "complaints") for _ in range(2))

    assert (one.files, one.message.render()) == (two.files, two.message.render())
