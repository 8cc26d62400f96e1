"""Tells whether something that the console shows has changed on this machine."""

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from goldenpath.compose.gitops_access import trusted
from goldenpath.compose.up_client import status
from goldenpath.errors import GoldenPathError
from goldenpath.home import Home


def machine_changes(home: Home) -> str:
    """Return a text that is another one after each change of git, status, events or findings."""
    digest = sha256()
    for part in _parts(home):
        digest.update(part.encode())
    return digest.hexdigest()


def stages_of(home: Home) -> tuple[str, ...]:
    """Return the stages of the platform in their order; none if no commit is trusted here."""
    try:
        return tuple(each.name for each in trusted(home).platform.stages)
    except GoldenPathError:
        return ()


def _parts(home: Home) -> Iterator[str]:
    try:
        found, is_alive = status(home)
        # The time of a report changes with each, and what it reports seldom.
        yield f"{is_alive} {replace(found, time='', tallies=None, answers=None)}"
    except GoldenPathError as error:
        yield error.message
    for folder in (home.events, home.findings, home.findings / "closed"):
        yield from _newest(folder)
    for repository in (home.gitops, home.gitops_cache):
        for name in ("refs/heads/main", "packed-refs", "FETCH_HEAD"):
            yield _stamp(repository / name)


def _newest(folder: Path) -> Iterator[str]:
    try:
        names = sorted(each.name for each in folder.iterdir())
    except OSError:
        return
    yield f"{len(names)}"
    yield from (_stamp(folder / name) for name in names[-1:])


def _stamp(path: Path) -> str:
    try:
        state = path.stat()
    except OSError:
        return "none"
    return f"{state.st_ino} {state.st_size} {state.st_mtime_ns}"
