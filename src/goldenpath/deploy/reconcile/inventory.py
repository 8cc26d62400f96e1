"""Compares git, registry, signatures and running servers, release by release."""

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
    """What the registry holds of one release."""

    is_there: bool
    is_signed: bool
    message: str
    """Why one of the two is false; empty if both are true."""


Look = Callable[[Digest, str, str], Looked]
"""Looks up a release in the registry, by digest, stage and model name."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One release of one deployment, as each source reports it."""

    deployment: str
    digest: str
    git: int | None
    """Share of traffic that git declares, in percent; None if git does not name the release."""
    running: int | None
    """Share of traffic that it gets now, in percent; None if it does not run."""
    registry: bool
    signed: bool
    catalogue: bool | None
    """Whether the catalogue has a version of it, with the alias of the stage if it is the stable
    release; None where there is nothing to compare."""
    message: str
    """What disagrees, as text; empty if all sources agree."""
    marks: tuple[Mark, ...] = ()
    """A hold on the deployment, or a break-glass that still waits for a second person."""

    @property
    def agrees(self) -> bool:
        """Whether running servers, git, registry and signatures agree."""
        return not self.message


@dataclass(frozen=True, slots=True)
class Inventory:
    """All cells, and the sources that could not be asked."""

    cells: tuple[Cell, ...]
    faults: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether every source could be asked and all agree."""
        return not self.faults and all(cell.agrees for cell in self.cells)


def compare(
    survey: Survey,
    status: Status | None,
    look: Look,
    catalogue: Registered,
    *,
    stages: Collection[str],
    now: datetime,
) -> Inventory:
    """Return a cell for every release that git declares, that runs, or that a stage alias names."""
    stable = {each.name: each.slots[0].digest.text for each in survey.deployments}
    git = {
        (each.name, slot.digest.text): slot.percent
        for each in survey.deployments
        for slot in each.releases
    }
    stopped = {each.name for each in survey.deployments if each.stopped}
    running = {
        (each.name, slot.digest): slot.percent
        for each in (status.deployments if status else ())
        if each.phase in ("ready", "asleep")
        for slot in each.running
    }
    running |= {
        (each.name, each.standby): 0
        for each in (status.deployments if status else ())
        if each.standby and each.phase in ("ready", "asleep")
    }
    cells = []
    for name, digest in sorted({*git, *running}):
        stage, _, model = name.partition("/")
        seen = look(Digest(digest), stage, model)
        percent, live = git.get((name, digest)), running.get((name, digest))
        is_known, elsewhere = _registered(
            catalogue, stage, model, digest, is_stable=stable.get(name) == digest
        )
        words = (seen.message, _difference(percent, live, name in stopped), elsewhere)
        message = "; ".join(filter(None, words))
        marked = marks(survey.standing.get(name), now)
        cells.append(
            Cell(
                name, digest, percent, live, seen.is_there, seen.is_signed, is_known, message,
                marked,
            )
        )  # fmt: skip
    names = {cell.deployment for cell in cells}
    left = (each for each in _left(catalogue, stages, look) if each.deployment not in names)
    return Inventory((*cells, *left), (catalogue.fault,) if catalogue.fault else ())


def _registered(
    catalogue: Registered, stage: str, model: str, digest: str, *, is_stable: bool
) -> tuple[bool | None, str]:
    """Return whether the catalogue agrees about a release, and how it disagrees, as text."""
    known = catalogue.models.get(model)
    if known is None and not catalogue.is_shared:
        return None, ""
    if known is None or digest not in known.releases:
        return False, "the catalogue has no version of it: build it again to register it"
    alias = known.aliases.get(stage)
    if not is_stable or alias == digest:
        return True, ""
    place = "is not set" if alias is None else f"is at {alias[:19] or 'a version of no release'}"
    return False, f"the catalogue's alias {stage} {place}: run goldenpath catalogue"


def _left(catalogue: Registered, stages: Collection[str], look: Look) -> Iterator[Cell]:
    """Return a cell for each stage alias that names a release git does not declare."""
    for model, known in sorted(catalogue.models.items()):
        for stage, digest in sorted(known.aliases.items()):
            if stage in stages and digest:
                seen = look(Digest(digest), stage, model)
                yield Cell(
                    f"{stage}/{model}", digest, None, None, seen.is_there, seen.is_signed, False,
                    f"the catalogue's alias {stage} names it, and git declares nothing of {model} "
                    "there: run goldenpath catalogue",
                )  # fmt: skip


def _difference(git: int | None, running: int | None, is_stopped: bool) -> str:
    if git is None:
        return "runs, but git does not declare it"
    if is_stopped:
        return "" if running is None else "runs, but git says it is stopped"
    if running is None:
        return "git declares it, but it does not run"
    return "" if git == running else f"git declares {git}%, but {running}% runs"
