"""Judges the lock of a project. `goldenpath check` and the build use this one judgement."""

from collections.abc import Iterator
from pathlib import Path

from goldenpath.errors import GoldenPathError, InvalidInput, Unavailable
from goldenpath.files import open_below
from goldenpath.parsers.fault import Fault
from goldenpath.project.load import lock_cure
from goldenpath.train.environment.uv_lock import (
    FILE,
    MAX_LOCK,
    LockedPackage,
    parse_lock,
    refuse_sources,
)
from goldenpath.train.environment.uv_program import Uv, refuse_other_python

_STALE = ("needs to be updated", "Ignoring existing lockfile", "Resolving despite existing")
"""uv's messages for a lock that does not fit. Its exit status is the same for every failure."""


def read_lock(root: Path) -> bytes:
    """Return the bytes of the lock. Raises `InvalidInput` if there is none, or a link."""
    try:
        with open_below(root, FILE) as file:
            return file.read(MAX_LOCK + 1)
    except FileNotFoundError as error:
        message = f"{root / FILE} is missing: expected a lock of uv"
        raise InvalidInput(message, hint=lock_cure(root)) from error
    except OSError as error:
        raise InvalidInput(f"{root / FILE} cannot be read: {error.strerror}") from error


def accepted_lock(
    root: Path,
    uv: Uv,
    indexes: tuple[str, ...],
    hosts: tuple[str, ...],
    *,
    network: bool = False,
) -> tuple[bytes, tuple[LockedPackage, ...]]:
    """Return the lock and its packages.

    `network` says whether the project's own build backend may use the network.

    Raises `InvalidInput` if the lock is missing, malformed or stale, or has a source that is not
    allowed. Raises `Unavailable` if uv cannot compare it with `pyproject.toml`.
    """
    content = read_lock(root)
    packages = parse_lock(content)
    # Before uv reads the lock, because uv would contact whatever index the lock names.
    refuse_sources(packages, indexes, hosts)
    _refuse_stale(root, uv, network=network)
    return content, packages


def lock_faults(
    root: Path,
    uv: Uv,
    indexes: tuple[str, ...],
    hosts: tuple[str, ...],
    *,
    network: bool = False,
) -> Iterator[Fault]:
    """Yield the fault for which a build would refuse the lock. A missing file is no fault here.

    Raises `Unavailable` if that cannot be found out.
    """
    if not (root / FILE).exists() or not (root / "pyproject.toml").exists():
        return
    try:
        accepted_lock(root, uv, indexes, hosts, network=network)
    except Unavailable:
        raise
    except GoldenPathError as error:
        yield Fault(FILE, "", "a lock that a build accepts", error.message, error.hint or "")


def _refuse_stale(root: Path, uv: Uv, *, network: bool) -> None:
    offline = () if network else ("--offline",)
    process = uv.check(["lock", "--check", "--verbose", *offline], root, network=network)
    if process.returncode == 0:
        return
    if any(words in process.stderr for words in _STALE):
        raise InvalidInput(
            f"{root / FILE} is stale: pyproject.toml has other requirements than the lock",
            hint="run uv lock and commit uv.lock",
        )
    refuse_other_python(process.stderr, uv.python)
    lines = [line for line in process.stderr.splitlines() if not line.startswith(_LEVELS)]
    raise Unavailable(
        f"uv could not check {root / FILE}: {' '.join(' '.join(lines).split())[-2000:]}",
        hint="write name, version and dependencies into pyproject.toml instead of dynamic; or "
        "declare training.network = true, if the build of the project needs the network",
    )


_LEVELS = ("DEBUG", "TRACE", "INFO")
