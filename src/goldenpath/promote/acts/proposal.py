"""Changes of trust: at once during set-up, and by two people after it.

The first person's commit waits in a branch of its own. The second person commits the same files to
`main`, and that commit contains the first person's signature.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.promote.acts.intents import TrustChange, TrustProposal
from goldenpath.promote.acts.scene import TrustScene
from goldenpath.promote.manifests.object_names import length_refusal
from goldenpath.promote.platform.demands import demonstration_refusal
from goldenpath.promote.platform.platform import FILE, Platform, parse_platform
from goldenpath.promote.platform.second_person import is_protected, who_may_agree


@dataclass(frozen=True, slots=True)
class Proposed:
    """A change of trust that waits in its branch, and who proposed it."""

    name: str
    message: str
    parents: int
    """How many parents its commit has."""
    files: Mapping[str, bytes | None]
    base: str
    """The last change of trust before it, or of its files."""
    approved_by: str
    """The person whom its trailer names."""
    signer: str
    """The person whose signature over these files it holds; empty if it was not checked."""


def change_trust(
    scene: TrustScene, files: Mapping[str, bytes | None], message: str, *, two: bool = False
) -> TrustChange | TrustProposal:
    """Return the change of `files`, or a proposal if set-up is over or `two` is set.

    None removes a file. Raises `InvalidInput` if `platform.toml` would not be readable, or nothing
    would change.
    """
    if FILE in files:
        _require_acceptable(scene, parse_platform(files[FILE] or b""))
    changed: dict[str, bytes | None] = {
        path: content for path, content in files.items() if content != scene.files.get(path)
    }
    if not changed:
        raise InvalidInput(f"{min(files)} has this content already: nothing to do")
    person = scene.person.name
    needs_two = scene.is_set_up if any(map(is_protected, changed)) else scene.platform.two_people
    if not two and not needs_two:
        return TrustChange(scene.commit, scene.now, changed, message, (person,))
    return proposal_of(scene, changed, message)


def proposal_of(
    scene: TrustScene, files: Mapping[str, bytes | None], message: str
) -> TrustProposal:
    """Return the proposal of a change that a second person has to confirm."""
    seed = f"{scene.commit} {scene.now.isoformat()} {message}".encode()
    return TrustProposal(
        scene.commit,
        scene.now,
        files,
        message,
        scene.base,
        Digest.of(seed).hex[:12],
        who_may_agree(scene.platform, scene.person.name, scene.now),
    )


def _require_acceptable(scene: TrustScene, platform: Platform) -> None:
    """Raise `InvalidInput` for a new stage that is too long for a model in another one.

    Raises it too for what would turn the platform into a demonstration, which nobody follows.
    """
    shows = demonstration_refusal(scene.platform.statements, platform.statements)
    if shows:
        hint = "set up another platform with goldenpath init --demonstration"
        raise InvalidInput(f"the change {shows}", hint=hint)
    known = {stage.name for stage in scene.platform.stages}
    new = [stage.name for stage in platform.stages if stage.name not in known]
    for model in scene.models:
        refused = length_refusal(model, new)
        if refused:
            raise InvalidInput(refused, hint="give the stage a shorter name")


def is_change_of_trust(proposed: Proposed) -> bool:
    """Whether the proposal is one commit with one parent that changes only trust, or no trust."""
    kinds = {is_protected(path) for path in proposed.files}
    return proposed.parents == 1 and len(kinds) == 1


def review(scene: TrustScene, proposed: Proposed) -> TrustProposal:
    """Return the proposal as the person who confirms it sees it; nothing is written."""
    return TrustProposal(
        scene.commit,
        scene.now,
        proposed.files,
        proposed.message,
        proposed.base,
        proposed.name,
        _require_able(scene, proposed),
    )


def confirm(scene: TrustScene, proposed: Proposed) -> TrustChange:
    """Return the change that puts somebody else's proposal on `main`.

    Raises `InvalidInput` if trust has changed since, or this person may not confirm it.
    """
    _require_able(scene, proposed)
    if proposed.approved_by != proposed.signer:
        raise InvalidInput(f"{proposed.name} names another person than the one who signed it")
    return TrustChange(
        scene.commit,
        scene.now,
        proposed.files,
        proposed.message,
        (proposed.signer, scene.person.name),
        proposed.name,
    )


def _require_able(scene: TrustScene, proposed: Proposed) -> tuple[str, ...]:
    """Return who may confirm the proposal. Raises `InvalidInput` if this person may not."""
    if not is_change_of_trust(proposed):
        raise InvalidInput(f"{proposed.name} is not a change of trust")
    if proposed.base != scene.base:
        raise InvalidInput(
            f"trust has changed since {proposed.name} was proposed: the proposal is void",
            hint="propose it again on the present files",
        )
    able = who_may_agree(scene.platform, proposed.signer, scene.now)
    if scene.person.name not in able:
        raise InvalidInput(
            f"{scene.person.name} cannot confirm what {proposed.signer} proposed: expected one of "
            f"{', '.join(able) or 'nobody who is listed'}"
        )
    return able
