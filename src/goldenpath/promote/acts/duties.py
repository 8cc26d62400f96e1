"""Separation of duties: every path by which one person or one key alone reaches production.

The paths follow from what the chain of commits and admission enforce. So an empty list is a claim
about mechanisms, not about intentions. `BEYOND` lists what git cannot show.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from goldenpath.promote.manifests.desired import Restrictions
from goldenpath.promote.platform.break_glass import may_use_break_glass
from goldenpath.promote.platform.platform import FILE, Platform
from goldenpath.promote.platform.toml_table import duration_text

BEYOND = (
    "that two names are two people: a key says only that somebody holds it",
    "time inside a statement: who has left can backdate an approval; take a stolen key out",
    "who administers this machine and its home folder: they can replace this program and its pin",
    "who may push to the registry: what they push runs nowhere without a signed decision",
    "a cluster: Argo CD follows main without these rules; protect main in the forge as well",
    "a forge: a click there is shown and is never an approval, and its administrators sign nothing",
    "going back: any listed person may bring back a release that two people once approved",
)
"""What the list of paths does not cover."""


@dataclass(frozen=True, slots=True)
class LonePath:
    """One path to production that needs nobody else."""

    who: str
    how: str
    cure: str


@dataclass(frozen=True, slots=True)
class Duties:
    """The answer of `goldenpath sod`."""

    commit: str
    paths: tuple[LonePath, ...]
    confirmed_by: tuple[str, ...]
    """The two people who signed `platform.toml` as a whole; empty if only one did."""
    beyond: tuple[str, ...] = BEYOND


@dataclass(frozen=True, slots=True)
class DutiesScene:
    """What a platform enforces at one commit."""

    commit: str
    platform: Platform
    is_set_up: bool
    """Whether set-up is over, so that two people have to agree to a change of trust."""
    confirmed_by: tuple[str, ...]
    """The two people who signed `platform.toml` as a whole; empty if only one did."""
    restrictions: Mapping[str, Restrictions]
    """Restrictions on deployments, by `stage/model`."""
    now: datetime


def lone_paths(scene: DutiesScene) -> Duties:
    """Return every path by which one person or one key alone reaches production."""
    platform, both = scene.platform, scene.confirmed_by
    paths = (
        *_by_trust(platform, scene.is_set_up, both),
        *_by_stage(platform),
        *_by_break_glass(platform, scene.restrictions, scene.now),
    )
    return Duties(scene.commit, paths, both)


def _by_trust(platform: Platform, is_set_up: bool, both: tuple[str, ...]) -> tuple[LonePath, ...]:
    listed = ", ".join(person.name for person in platform.people)
    if not is_set_up:
        how = f"set-up is open: may change people, keys and stages in {FILE} alone, then promote"
        return (LonePath(f"each of {listed}", how, "goldenpath sod --seal"),)
    if not both:
        how = f"listed every key of {FILE} alone during set-up, and may hold more than one of them"
        return (LonePath("who set the platform up", how, "goldenpath sod --seal"),)
    return ()


def _by_stage(platform: Platform) -> tuple[LonePath, ...]:
    last = platform.stages[-1]
    listed = ", ".join(person.name for person in platform.people) or "nobody"
    paths = []
    if last.approvals == 0:
        how = f"{last.name} asks for no approval: who promotes decides alone"
        cure = f"set approvals to 1 or more for {last.name} in {FILE}"
        paths.append(LonePath(f"each of {listed}", how, cure))
    if not last.gates:
        how = f"{last.name} has no gates: admission asks for no decision there"
        paths.append(LonePath(f"each of {listed}", how, f"name gates for {last.name} in {FILE}"))
    return tuple(paths)


def _by_break_glass(
    platform: Platform, restrictions: Mapping[str, Restrictions], now: datetime
) -> Iterator[LonePath]:
    last = platform.stages[-1]
    rule = last.break_glass
    if rule is not None and rule.approvals == 0 and last.approvals > 0:
        able = [each.name for each in platform.people if may_use_break_glass(each, rule)]
        how = (
            f"may use break-glass in {last.name}: what passes its other gates is live for "
            f"{duration_text(rule.within)} before a second person must approve"
        )
        cure = f"set approvals to 1 in [stage.break-glass] of {last.name}"
        yield LonePath(f"each of {', '.join(able) or 'nobody'}", how, cure)
    for name, each in sorted(restrictions.items()):
        if each.break_glass is not None and name.partition("/")[0] == last.name:
            cure = f"goldenpath approve RELEASE --stage {last.name}, by somebody else"
            yield LonePath(each.break_glass.by, f"{name}: {each.break_glass.summary(now)}", cure)
