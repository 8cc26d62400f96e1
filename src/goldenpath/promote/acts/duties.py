"""Separation of duties: every path by which one person or one key alone reaches production.

The paths follow from the model of rights, which a test holds against the real follower. So an empty
list is a claim about mechanisms, not about intentions. `BEYOND` lists what git cannot show.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from goldenpath.promote.acts.rights import Right, RightsScene, rights
from goldenpath.promote.manifests.desired import Restrictions
from goldenpath.promote.platform.platform import FILE, Platform

BEYOND = (
    "that two names are two people: a key says only that somebody holds it",
    "who wrote what no listed key signed, or what another one committed for them: names are text",
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
    unknown: tuple[str, ...] = ()
    """What could not be found out; it is not known to be closed."""
    alone: tuple[Right, ...] = ()
    """What the platform lets one holder do alone, by design."""
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
    unreadable: Mapping[str, str] = field(default_factory=dict)
    """Why files of deployments could not be read, by `stage/model`."""


def lone_paths(scene: DutiesScene) -> Duties:
    """Return every path by which one person or one key alone reaches production."""
    known = rights(RightsScene(scene.platform, scene.is_set_up))
    opened = tuple(each for each in known if each.outcome == "open")
    paths = (*_by_founder(scene), *_paths(opened, scene.platform), *_by_open_break_glass(scene))
    last = scene.platform.stages[-1].name
    unknown = tuple(
        f"{name}: {reason}"
        for name, reason in sorted(scene.unreadable.items())
        if name.partition("/")[0] == last
    )
    alone = tuple(each for each in known if each.outcome == "by right")
    return Duties(scene.commit, paths, scene.confirmed_by, unknown, alone)


def _by_founder(scene: DutiesScene) -> Iterator[LonePath]:
    if scene.is_set_up and not scene.confirmed_by:
        how = f"listed every key of {FILE} alone during set-up, and may hold more than one of them"
        yield LonePath("who set the platform up", how, "goldenpath sod --seal")


def _paths(opened: tuple[Right, ...], platform: Platform) -> Iterator[LonePath]:
    """Yield one path for each way, with everybody who has it."""
    everybody = {
        "person": ", ".join(each.name for each in platform.people) or "nobody",
        "machine": ", ".join(_rollout_machines(platform)) or "nobody",
        "build key": ", ".join(each.name for each in platform.build_keys) or "nobody",
    }
    seen = set[str]()
    for right in opened:
        if right.by in seen:
            continue
        seen.add(right.by)
        names = ", ".join(right.who) or everybody.get(right.holder, "")
        who = f"each of {names}" if names else f"each {right.holder}"
        yield LonePath(who, right.by, right.cure)


def _rollout_machines(platform: Platform) -> tuple[str, ...]:
    """Return the machines that may commit to `main`."""
    return tuple(each.name for each in platform.committers if each not in platform.people)


def _by_open_break_glass(scene: DutiesScene) -> Iterator[LonePath]:
    last = scene.platform.stages[-1]
    for name, restriction in sorted(scene.restrictions.items()):
        if restriction.break_glass is not None and name.partition("/")[0] == last.name:
            cure = f"goldenpath approve RELEASE --stage {last.name}, by somebody else"
            how = f"{name}: {restriction.break_glass.summary(scene.now)}"
            yield LonePath(restriction.break_glass.by, how, cure)
