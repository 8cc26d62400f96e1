"""Judges the lock of a project. `goldenpath check` and the build use this one judgement."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from goldenpath.errors import GoldenPathError, InvalidInput, Unavailable
from goldenpath.files import open_below
from goldenpath.parsers.fault import Fault
from goldenpath.project.load import workspace_of
from goldenpath.train.environment.uv_lock import (
    FILE,
    MAX_LOCK,
    LockedPackage,
    parse_lock,
    refuse_sources,
)
from goldenpath.train.environment.uv_program import Uv, refuse_other_python
from goldenpath.train.environment.workspace_lock import (
    DECLARATION,
    WorkspaceLock,
    member_lock,
    read_workspace,
)

_STALE = ("needs to be updated", "Ignoring existing lockfile", "Resolving despite existing")
"""uv's messages for a lock that does not fit. Its exit status is the same for every failure."""


def read_lock(root: Path) -> bytes:
    """Return the bytes of the lock; those that the lock of a workspace has for this member.

    Raises `InvalidInput` if there is none, or a link.
    """
    if not os.path.lexists(root / FILE):
        workspace = workspace_above(root)
        if workspace is None:
            raise InvalidInput(
                f"{root / FILE} is missing: expected a lock of uv", hint="run uv lock"
            )
        return member_lock(workspace)
    return _content(root)


def workspace_above(root: Path) -> WorkspaceLock | None:
    """Return the lock of the workspace that a project without a lock is in; None if it has one."""
    folder = None if os.path.lexists(root / FILE) else workspace_of(root)
    if folder is None:
        return None
    member = root.resolve().relative_to(folder).as_posix()
    return read_workspace(
        str(folder),
        member,
        lambda name: _content(folder, name) if os.path.lexists(folder / name) else None,
    )


def _content(folder: Path, name: str = FILE) -> bytes:
    try:
        with open_below(folder, name) as file:
            return file.read(MAX_LOCK + 1)
    except OSError as error:
        raise InvalidInput(f"{folder / name} cannot be read: {error.strerror}") from error


def accepted_lock(
    root: Path,
    uv: Uv,
    indexes: tuple[str, ...],
    hosts: tuple[str, ...],
    *,
    network: bool = False,
    workspace: WorkspaceLock | None = None,
) -> tuple[bytes, tuple[LockedPackage, ...]]:
    """Return the lock and its packages.

    `network` says whether the project's own build backend may use the network. `workspace` is where
    the lock in `root` was derived from.

    Raises `InvalidInput` if the lock is missing, malformed or stale, or has a source that is not
    allowed. Raises `Unavailable` if uv cannot compare it with `pyproject.toml`.
    """
    content = read_lock(root)
    packages = parse_lock(content)
    # Before uv reads the lock, because uv would contact whatever index the lock names.
    refuse_sources(packages, indexes, hosts)
    _refuse_stale(root, uv, workspace or workspace_above(root), network=network)
    return content, packages


def lock_faults(
    root: Path,
    uv: Uv,
    indexes: tuple[str, ...],
    hosts: tuple[str, ...],
    *,
    network: bool = False,
) -> Iterator[Fault]:
    """Yield the fault for which a build would refuse the lock. Without any there is none here.

    Raises `Unavailable` if that cannot be found out.
    """
    has_lock = (root / FILE).exists() or workspace_of(root) is not None
    if not has_lock or not (root / "pyproject.toml").exists():
        return
    try:
        accepted_lock(root, uv, indexes, hosts, network=network)
    except Unavailable:
        raise
    except GoldenPathError as error:
        yield Fault(FILE, "", "a lock that a build accepts", error.message, error.hint or "")


def _refuse_stale(root: Path, uv: Uv, workspace: WorkspaceLock | None, *, network: bool) -> None:
    around: dict[str, bytes] = {}
    if workspace is not None:
        own = str(PurePosixPath(workspace.member) / DECLARATION)
        around = {name: each for name, each in workspace.declarations.items() if name != own}
        around[FILE] = workspace.content
    offline = () if network else ("--offline",)
    process = uv.check(
        ["lock", "--check", "--verbose", *offline],
        root,
        network=network,
        place=workspace.member if workspace else "",
        around=around,
    )
    if process.returncode == 0:
        return
    if any(words in process.stderr for words in _STALE):
        raise InvalidInput(
            f"{Path(workspace.folder if workspace else root) / FILE} is stale: pyproject.toml "
            "has other requirements than the lock",
            hint="run uv lock and commit uv.lock" if workspace is None else workspace.cure,
        )
    refuse_other_python(process.stderr, uv.python)
    lines = [line for line in process.stderr.splitlines() if not line.startswith(_LEVELS)]
    raise Unavailable(
        f"uv could not check {root / FILE}: {' '.join(' '.join(lines).split())[-2000:]}",
        hint="write name, version and dependencies into pyproject.toml instead of dynamic; or "
        "declare training.network = true, if the build of the project needs the network",
    )


_LEVELS = ("DEBUG", "TRACE", "INFO")
