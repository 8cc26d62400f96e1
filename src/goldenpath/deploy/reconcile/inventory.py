"""Git, registry, signatures and what runs, held against each other release by release."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from goldenpath.deploy.reconcile.status import Status
from goldenpath.digest import Digest
from goldenpath.promote.manifests.deployment_files import Survey
from goldenpath.promote.manifests.desired import Mark
from goldenpath.promote.manifests.restrictions import marks
from goldenpath.release.catalogue.registered import Registered


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at the registry found of one release."""

    is_there: bool
    is_signed: bool
    message: str
    """Why not; empty if both."""


Look = Callable[[Digest, str, str], Looked]
"""What the registry has of a release in a stage, by its model's name there."""


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
    """Whether it has a version there, with the alias of the stage if it is the stable release; None
    where nothing is to be compared."""
    message: str
    """What is not as it should be, in words; empty if all agree."""
    marks: tuple[Mark, ...] = ()
    """What holds the deployment, or lets it run on one person's word."""

    @property
    def agrees(self) -> bool:
        """Whether running = git = registry = signed."""
        return not self.message


@dataclass(frozen=True, slots=True)
class Inventory:
    """All cells, and what could not be asked."""

    cells: tuple[Cell, ...]
    faults: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether everything could be asked, and nothing is unequal."""
        return not self.faults and all(cell.agrees for cell in self.cells)


def compare(
    wanted: Survey,
    status: Status | None,
    look: Look,
    catalogue: Registered,
    *,
    stages: Collection[str],
    now: datetime,
) -> Inventory:
    """Every release that git wants, that runs, or that an alias of a stage names."""
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
        is_known, elsewhere = _registered(
            catalogue, stage, model, digest, is_stable=stable.get(name) == digest
        )
        words = (seen.message, _difference(percent, found, name in stopped), elsewhere)
        message = "; ".join(filter(None, words))
        marked = marks(wanted.standing.get(name), now)
        cells.append(
            Cell(
                name, digest, percent, found, seen.is_there, seen.is_signed, is_known, message,
                marked,
            )
        )  # fmt: skip
    names = {cell.deployment for cell in cells}
    left = (each for each in _left(catalogue, stages, look) if each.deployment not in names)
    return Inventory((*cells, *left), (catalogue.fault,) if catalogue.fault else ())


def _registered(
    catalogue: Registered, stage: str, model: str, digest: str, *, is_stable: bool
) -> tuple[bool | None, str]:
    """Whether the catalogue agrees about a release, and in words how it does not."""
    known = catalogue.models.get(model)
    if known is None and not catalogue.is_shared:
        return None, ""
    if known is None or digest not in known.releases:
        return False, "the catalogue has no version of it: build it again, which registers it"
    alias = known.aliases.get(stage)
    if not is_stable or alias == digest:
        return True, ""
    place = "is not set" if alias is None else f"is at {alias[:19] or 'a version of no release'}"
    return False, f"the catalogue's alias {stage} {place}: run goldenpath catalogue"


def _left(catalogue: Registered, stages: Collection[str], look: Look) -> Iterator[Cell]:
    """What aliases of stages name."""
    for model, known in sorted(catalogue.models.items()):
        for stage, digest in sorted(known.aliases.items()):
            if stage in stages and digest:
                seen = look(Digest(digest), stage, model)
                yield Cell(
                    f"{stage}/{model}", digest, None, None, seen.is_there, seen.is_signed, False,
                    f"the catalogue's alias {stage} is at it, and git wants nothing of {model} "
                    "there: run goldenpath catalogue",
                )  # fmt: skip


def _difference(git: int | None, running: int | None, is_stopped: bool) -> str:
    if git is None:
        return "runs, but git does not want it"
    if is_stopped:
        return "" if running is None else "runs, but git says it is stopped"
    if running is None:
        return "git wants it, but it does not run"
    return "" if git == running else f"git wants {git}%, but {running}% runs"
