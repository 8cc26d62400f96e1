"""Git, registry, signatures and what runs, held against each other release by release."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from goldenpath.digest import Digest
from goldenpath.gitops.manifests import Survey
from goldenpath.gitops.standing import Mark, marks
from goldenpath.reconcile.status import Status

Look = Callable[[Digest, str, str], tuple[bool, bool, str]]
"""Whether the registry has a release, whether its signatures hold, and what is wrong with it in
that stage under that name."""


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
    message: str
    """What is not as it should be, in words; empty if all agree."""
    marks: tuple[Mark, ...] = ()
    """What holds the deployment, or lets it run on one person's word."""

    @property
    def agrees(self) -> bool:
        """Whether running = git = registry = signed."""
        return not self.message


def compare(wanted: Survey, status: Status | None, look: Look, now: datetime) -> tuple[Cell, ...]:
    """Every release that git wants or that runs, by deployment."""
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
        registry, signed, words = look(Digest(digest), stage, model)
        percent, found = git.get((name, digest)), running.get((name, digest))
        message = words or _difference(percent, found, name in stopped)
        held = marks(wanted.standing.get(name), now)
        cells.append(Cell(name, digest, percent, found, registry, signed, message, held))
    return tuple(cells)


def _difference(git: int | None, running: int | None, is_stopped: bool) -> str:
    if git is None:
        return "runs, but git does not want it"
    if is_stopped:
        return "" if running is None else "runs, but git says it is stopped"
    if running is None:
        return "git wants it, but it does not run"
    return "" if git == running else f"git wants {git}%, but {running}% runs"
