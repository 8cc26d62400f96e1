"""Separation of duties: every path by which one person or one key alone reaches production.

Read off what the chain of commits and admission enforce, so that an empty list is a claim about
mechanisms and not about intentions. What git cannot show is said beside it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from goldenpath.promote.manifests.desired import Restrictions
from goldenpath.promote.platform.break_glass import may_break
from goldenpath.promote.platform.platform import FILE, Platform
from goldenpath.promote.platform.toml_table import duration_text

BEYOND = (
    "that two names are two people: a key says only that somebody holds it",
    "time inside a statement: who has left can date an approval back; take a stolen key out",
    "who administers this machine and its home folder: they can replace this program and its pin",
    "who may push to the registry: bytes there run nowhere without a signed decision",
    "a cluster: Argo CD follows main without these rules; protect main in the forge as well",
    "a forge: what people click there is shown and never counts, and who runs it signs nothing",
    "going back: any listed person may bring back a release that two people once let in",
)
"""What the list does not speak about."""


@dataclass(frozen=True, slots=True)
class LonePath:
    """One way in that needs nobody else."""

    who: str
    how: str
    cure: str


@dataclass(frozen=True, slots=True)
class Duties:
    """The answer of `goldenpath sod`."""

    commit: str
    paths: tuple[LonePath, ...]
    confirmed_by: tuple[str, ...]
    """The two who stand for `platform.toml` as a whole; empty if one person does."""
    beyond: tuple[str, ...] = BEYOND


@dataclass(frozen=True, slots=True)
class DutiesScene:
    """What a platform enforces at one commit."""

    commit: str
    platform: Platform
    is_set_up: bool
    """Whether set-up is over, so that two people have to agree to a change of trust."""
    confirmed_by: tuple[str, ...]
    """The two who stand for `platform.toml` as a whole; empty if one person does."""
    standing: Mapping[str, Restrictions]
    """What keeps deployments as they are, by `stage/model`."""
    now: datetime


def lone_paths(scene: DutiesScene) -> Duties:
    """Every path by which one person or one key alone reaches production."""
    platform, both = scene.platform, scene.confirmed_by
    paths = (
        *_by_trust(platform, scene.is_set_up, both),
        *_by_stage(platform),
        *_by_glass(platform, scene.standing, scene.now),
    )
    return Duties(scene.commit, paths, both)


def _by_trust(platform: Platform, over: bool, both: tuple[str, ...]) -> tuple[LonePath, ...]:
    listed = ", ".join(person.name for person in platform.people)
    if not over:
        how = f"set-up is open: may change people, keys and stages in {FILE} alone, then promote"
        return (LonePath(f"each of {listed}", how, "goldenpath sod --seal"),)
    if not both:
        how = f"listed every key of {FILE} during set-up alone, and may hold more than one of them"
        return (LonePath("who set the platform up", how, "goldenpath sod --seal"),)
    return ()


def _by_stage(platform: Platform) -> tuple[LonePath, ...]:
    last = platform.stages[-1]
    listed = ", ".join(person.name for person in platform.people) or "nobody"
    found = []
    if last.approvals == 0:
        how = f"{last.name} asks for no approval: who promotes decides alone"
        cure = f"set approvals to 1 or more for {last.name} in {FILE}"
        found.append(LonePath(f"each of {listed}", how, cure))
    if not last.gates:
        how = f"{last.name} has no gates: admission asks for no decision there"
        found.append(LonePath(f"each of {listed}", how, f"name gates for {last.name} in {FILE}"))
    return tuple(found)


def _by_glass(
    platform: Platform, standing: Mapping[str, Restrictions], now: datetime
) -> Iterator[LonePath]:
    last = platform.stages[-1]
    rule = last.glass
    if rule is not None and rule.approvals == 0 and last.approvals > 0:
        able = [each.name for each in platform.people if may_break(each, rule)]
        how = (
            f"may break the glass of {last.name}: what passes its other gates is live for "
            f"{duration_text(rule.within)} before anybody else has to look"
        )
        cure = f"set approvals to 1 in [stage.break-glass] of {last.name}"
        yield LonePath(f"each of {', '.join(able) or 'nobody'}", how, cure)
    for name, each in sorted(standing.items()):
        if each.glass is not None and name.partition("/")[0] == last.name:
            cure = f"goldenpath approve RELEASE --stage {last.name}, by somebody else"
            yield LonePath(each.glass.by, f"{name}: {each.glass.words(now)}", cure)
