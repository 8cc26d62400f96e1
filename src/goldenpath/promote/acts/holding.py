"""Hold and resume: a person keeps a deployment as it is, and ends that again."""

from dataclasses import replace

from goldenpath.errors import AlreadyDone
from goldenpath.promote.acts.intents import StageChange, stage_change
from goldenpath.promote.acts.scene import StageScene
from goldenpath.promote.repository.commit_message import CommitMessage


def hold(scene: StageScene, reason: str) -> StageChange:
    """Keep the deployment as it is until a person resumes; only going back stays possible."""
    _, placement = scene.present
    scene.require_person()
    if placement.hold:
        raise AlreadyDone(f"{scene.name} is on hold already: {placement.hold}")
    return _set_hold(scene, "hold", f"{scene.person.name}: {reason}", reason)


def resume(scene: StageScene, reason: str) -> StageChange:
    """End a hold. Raises `AlreadyDone` if there is none."""
    _, placement = scene.present
    scene.require_person()
    if not placement.hold:
        raise AlreadyDone(f"{scene.name} is not on hold: nothing to resume")
    return _set_hold(scene, "resume", "", reason)


def _set_hold(scene: StageScene, action: str, hold: str, reason: str) -> StageChange:
    current, placement = scene.present
    share = current.slots[-1].percent
    message = CommitMessage(action, scene.stage.name, scene.model, placement.digest, reason, share)
    return stage_change(scene, current, replace(placement, hold=hold), message)
