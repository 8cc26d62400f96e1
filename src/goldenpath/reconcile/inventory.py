"""Git, registry, signatures and what runs, held against each other release by release."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from goldenpath.digest import Digest
from goldenpath.gitops.desired import Mark
from goldenpath.gitops.manifests import Survey
from goldenpath.gitops.standing import marks
from goldenpath.reconcile.status import Status


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at the registry found of one release."""

    is_there: bool
    is_signed: bool
    message: str
    """Why not; empty if both."""


Look = Callable[[Digest, str, str], Looked]
"""What the registry has of a release in a stage, by its model's name there."""
Aliases = Mapping[str, Mapping[str, str]]
"""Of the catalogue: digest by alias (a stage), by model; a model that it does not know is absent.
"""


@dataclass(frozen=True, slots=True)
class Cell:
    """One release of one deployment, as each source sees it."""

    deployment: str
    digest: str
    git: int | None
    """Percent that git wants; None if git does not name it."""
    running: int | None
    """Percent that runs; None if it does not run."""
    registry: bool
    signed: bool
    catalogue: bool | None
    """Whether the alias of the stage points at it; None where nothing is to be compared."""
    message: str
    """What is not as it should be, in words; empty if all agree."""
    marks: tuple[Mark, ...] = ()
    """What holds the deployment, or lets it run on one person's word."""

    @property
    def agrees(self) -> bool:
        """Whether running = git = registry = signed."""
        return not self.message


def compare(
    wanted: Survey, status: Status | None, look: Look, aliases: Aliases, now: datetime
) -> tuple[Cell, ...]:
    """Every release that git wants or that runs, by deployment."""
    stable = {each.name: each.slots[0].digest.text for each in wanted.deployments}
    git = {
        (each.name, slot.digest.text): slot.percent
        for each in wanted.deployments
        for slot in each.slots
    }
    stopped = {each.name for each in wanted.deployments if each.stopped}
    running = {
        (each.name, slot.digest): slot.percent
        for each in (status.deployments if status else ())
        if each.phase in ("ready", "asleep")
        for slot in each.running
    }
    cells = []
    for name, digest in sorted({*git, *running}):
        stage, _, model = name.partition("/")
        seen = look(Digest(digest), stage, model)
        percent, found = git.get((name, digest)), running.get((name, digest))
        alias = _alias(name, aliases) if stable.get(name) == digest else None
        message = seen.message or _difference(percent, found, name in stopped)
        cells.append(
            Cell(
                name, digest, percent, found, seen.is_there, seen.is_signed,
                None if alias is None else alias == digest,
                message or _elsewhere(name, alias, digest), marks(wanted.standing.get(name), now),
            )
        )  # fmt: skip
    return tuple(cells)


def _alias(name: str, aliases: Aliases) -> str | None:
    """What the alias of the stage points at, empty without one; None for an unknown model."""
    stage, model = name.split("/", 1)
    return aliases[model].get(stage, "") if model in aliases else None


def _elsewhere(name: str, alias: str | None, digest: str) -> str:
    if alias is None or alias == digest:
        return ""
    place = f"is at {alias[:19]}" if alias else "is not set"
    return f"the catalogue's alias {name.partition('/')[0]} {place}: goldenpath catalogue"


def _difference(git: int | None, running: int | None, is_stopped: bool) -> str:
    if git is None:
        return "runs, but git does not want it"
    if is_stopped:
        return "" if running is None else "runs, but git says it is stopped"
    if running is None:
        return "git wants it, but it does not run"
    return "" if git == running else f"git wants {git}%, but {running}% runs"
