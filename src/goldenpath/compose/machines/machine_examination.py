"""What this machine lacks or has wrong, with the cure: `goldenpath doctor`. It only reads.

A part that cannot be asked is `unknown`, never `ok` and never `wrong`.
"""

import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from goldenpath.compose.gitops_access import gitops, platform_store, trusted
from goldenpath.compose.process_context import now
from goldenpath.errors import GoldenPathError, Unavailable
from goldenpath.home import Home
from goldenpath.processes.sandbox import landlock
from goldenpath.promote.workspace.clock_check import refuse_wrong_clock
from goldenpath.promote.workspace.remote_clock import remote_clock
from goldenpath.settings import GITOPS_VARIABLE

ROOMY = 1 << 30
"""Free bytes below which a build or a day of logs may fill the disk."""
PROGRAMS: Mapping[str, str] = {
    "git": "every change of a stage is a commit",
    "ssh-keygen": "commits and statements of people are signed with SSH keys",
}
"""Programs of others, and what each is needed for."""


@dataclass(frozen=True, slots=True)
class MachineFinding:
    """One check of this machine."""

    check: str
    status: Literal["ok", "wrong", "unknown"]
    message: str
    cure: str = ""


def examined_machine(home: Home, environment: Mapping[str, str]) -> tuple[MachineFinding, ...]:
    """Return the finding of every check, in the order in which they are cured."""
    found = [*_machine(environment, landlock.version()), *_home(home)]
    if not home.trust.exists() and not environment.get("GOLDENPATH_TRUST"):
        reason = "there is no platform on this machine yet"
        rest = (_unknown(check, reason, "run goldenpath init") for check in _OF_PLATFORM)
        return (*found, *rest)
    url = environment.get(GITOPS_VARIABLE) or str(home.gitops)
    return (
        *found,
        _asked("git", lambda: f"main of {url} is followed up to {trusted(home).commit[:12]}"),
        _asked("registry", lambda: f"it answers and has {len(platform_store(home).tags())} tags"),
        _asked("clock", lambda: _clock(home, url, environment)),
    )


_OF_PLATFORM = ("git", "registry", "clock")


def _machine(environment: Mapping[str, str], sandbox: int) -> Iterator[MachineFinding]:
    for name, purpose in PROGRAMS.items():
        place = shutil.which(name, path=environment.get("PATH"))
        if place is None:
            cure = f"install {name}: {purpose}"
            yield MachineFinding("machine", "wrong", f"{name} is not on PATH", cure)
        else:
            yield MachineFinding("machine", "ok", f"{name} is {place}")
    if sandbox:
        yield MachineFinding("machine", "ok", f"the kernel has Landlock {sandbox} for sandboxes")
        return
    cure = "use Linux 5.13 or later with Landlock switched on, or build on another machine"
    message = "the kernel has no Landlock: code of models is confined by less"
    yield MachineFinding("machine", "wrong", message, cure)


def _home(home: Home) -> Iterator[MachineFinding]:
    if not home.root.is_dir():
        message = f"{home.root} does not exist"
        cure = "run goldenpath init, or name the folder of a platform in GOLDENPATH_HOME"
        yield MachineFinding("home", "wrong", message, cure)
        return
    if not os.access(home.root, os.W_OK):
        cure = f"give {home.root} to the user who runs goldenpath"
        yield MachineFinding("home", "wrong", f"{home.root} cannot be written", cure)
    yield _room(home.root)
    yield from _keys(home.keys)


def _room(folder: Path) -> MachineFinding:
    free = shutil.disk_usage(folder).free
    message = f"{folder} has {free / ROOMY:.1f} GiB of free disk"
    if free >= ROOMY:
        return MachineFinding("home", "ok", message)
    cure = "free some disk: goldenpath registry prune shows what nobody needs"
    return MachineFinding("home", "wrong", message, cure)


def _keys(folder: Path) -> Iterator[MachineFinding]:
    """Look for private keys that others may read; a public key may be read by everybody."""
    files = sorted(folder.iterdir()) if folder.is_dir() and os.access(folder, os.R_OK) else []
    private = [path for path in files if path.is_file() and path.suffix != ".pub"]
    is_open = stat.S_IMODE(folder.stat().st_mode) & 0o077 if folder.is_dir() else 0
    for path in private if is_open else ():
        if path.stat().st_mode & 0o077:
            cure = f"chmod 600 {path}; if somebody may have read it, end its trust"
            yield MachineFinding("home", "wrong", f"others may read the key {path}", cure)


def _clock(home: Home, url: str, environment: Mapping[str, str]) -> str:
    repository = gitops(home)
    (tip,) = repository.commits([trusted(home).commit])
    other = remote_clock(url, environment)
    refuse_wrong_clock(now(), tip.time, other)
    if other is None:
        raise Unavailable(
            "the server of the gitops repository tells no time, so no clock was compared",
            hint="compare it yourself: date --utc on this machine and on another one",
        )
    return "within 5 minutes of the gitops repository's"


def _asked(check: str, ask: Callable[[], str]) -> MachineFinding:
    try:
        return MachineFinding(check, "ok", ask())
    except Unavailable as error:
        return _unknown(check, error.message, error.hint or "try again when it can be reached")
    except GoldenPathError as error:
        return MachineFinding(check, "wrong", error.message, error.hint or "")


def _unknown(check: str, reason: str, cure: str) -> MachineFinding:
    return MachineFinding(check, "unknown", reason, cure)
