"""Changes of trust: at once while a platform is set up, by two people ever after.

The first person's commit waits in a branch of its own; the second one's signs the same files onto
`main`, with the first one's signature inside.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.promote.acts.intents import TrustChange, TrustProposal
from goldenpath.promote.acts.scene import TrustScene
from goldenpath.promote.platform.platform import FILE, parse_platform
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
    """The last change of trust before it."""
    approved_by: str
    """Whom its trailer names."""
    signer: str
    """Whose signature over these files it holds; empty if nobody looked, since it is no change."""


def change_trust(
    scene: TrustScene, files: Mapping[str, bytes], message: str, *, two: bool = False
) -> TrustChange | TrustProposal:
    """Puts `files` in place, or proposes them if set-up is over or `two` people are wanted anyway.

    Raises `InvalidInput` if `platform.toml` would not be readable, or nothing would change.
    """
    parse_platform(files[FILE])
    changed: dict[str, bytes | None] = {
        path: content for path, content in files.items() if content != scene.files.get(path)
    }
    if not changed:
        raise InvalidInput("platform.toml says so already: nothing to do")
    person = scene.person.name
    if not two and not scene.is_set_up:
        return TrustChange(scene.commit, scene.now, changed, message, (person,))
    seed = f"{scene.commit} {scene.now.isoformat()} {message}".encode()
    return TrustProposal(
        scene.commit,
        scene.now,
        changed,
        message,
        scene.base,
        Digest.of(seed).hex[:12],
        who_may_agree(scene.platform, person, scene.now),
    )


def is_change_of_trust(proposed: Proposed) -> bool:
    """Whether it is one plain commit that changes what is trusted, and nothing else."""
    return proposed.parents == 1 and all(map(is_protected, proposed.files))


def review(scene: TrustScene, proposed: Proposed) -> TrustProposal:
    """The proposal as the person who confirms it sees it; nothing is written."""
    return TrustProposal(
        scene.commit,
        scene.now,
        proposed.files,
        proposed.message,
        proposed.base,
        proposed.name,
        _able(scene, proposed),
    )


def confirm(scene: TrustScene, proposed: Proposed) -> TrustChange:
    """Puts on `main` what somebody else proposed.

    Raises `InvalidInput` if trust has changed since, or this person is not one who may confirm it.
    """
    _able(scene, proposed)
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


def _able(scene: TrustScene, proposed: Proposed) -> tuple[str, ...]:
    """Who may confirm the proposal. Raises `InvalidInput` if this person is not among them."""
    if not is_change_of_trust(proposed):
        raise InvalidInput(f"{proposed.name} is not a change of trust")
    if proposed.base != scene.base:
        raise InvalidInput(
            f"trust has changed since {proposed.name} was proposed: it is void",
            hint="propose it again on what holds now",
        )
    able = who_may_agree(scene.platform, proposed.signer, scene.now)
    if scene.person.name not in able:
        raise InvalidInput(
            f"{scene.person.name} cannot confirm what {proposed.signer} proposed: expected one of "
            f"{', '.join(able) or 'nobody who is listed'}"
        )
    return able
