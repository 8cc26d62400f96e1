"""Derives the lock of one project from the lock of the uv workspace that it is a member of.

A release has exactly the packages of its lock, and the lock of a workspace has those of all of its
members. So a project gets what it needs of it: its own entry and every package that one of its
dependencies names, each entry as uv wrote it. Whether the lock fits is a question to uv about the
whole workspace, so the declarations of all members are kept beside it.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

import msgspec

from goldenpath.errors import InvalidInput
from goldenpath.parsers.toml_parser import parse_toml
from goldenpath.parsers.typed import typed
from goldenpath.train.environment.uv_lock import FILE, MAX_LOCK

_ENTRY = "[[package]]\n"
_KEPT = re.compile(
    r"^(?:(?:version|revision|requires-python) = .*|[a-z]+-markers = \[[^\]]*\])\n", re.MULTILINE
)
"""What stands before the packages and does not name members of the workspace."""
DECLARATION = "pyproject.toml"
_LOCAL = ("editable", "virtual", "directory")


class _Dependency(msgspec.Struct):
    name: str
    version: str = ""


class _Package(msgspec.Struct, rename="kebab"):
    name: str
    source: dict[str, str]
    version: str = ""
    dependencies: tuple[_Dependency, ...] = ()
    optional_dependencies: dict[str, tuple[_Dependency, ...]] = msgspec.field(default_factory=dict)
    dev_dependencies: dict[str, tuple[_Dependency, ...]] = msgspec.field(default_factory=dict)

    @property
    def needs(self) -> Iterator[_Dependency]:
        """Every dependency, also those of extras: the entry names them."""
        yield from self.dependencies
        for listed in (*self.optional_dependencies.values(), *self.dev_dependencies.values()):
            yield from listed


class _Lock(msgspec.Struct):
    package: tuple[_Package, ...]


@dataclass(frozen=True, slots=True)
class WorkspaceLock:
    """The lock of a workspace, and where a project stands below it."""

    folder: str
    """Where the lock is, for messages."""
    content: bytes
    member: str
    """The path of the project below the lock, as `packages/credit`."""
    declarations: Mapping[str, bytes] = field(default_factory=dict)
    """`pyproject.toml` of the workspace and of its members, by their paths."""

    @property
    def cure(self) -> str:
        """What to do if the lock does not fit."""
        return f"run uv lock in {self.folder} and commit its {FILE}"


def read_workspace(
    folder: str, member: str, read: Callable[[str], bytes | None]
) -> WorkspaceLock | None:
    """Return the workspace in `folder`; None if there is no lock.

    `read` returns a file by its path below the folder. Raises `InvalidInput` for a lock that does
    not have uv's format.
    """
    content = read(FILE)
    if content is None:
        return None
    workspace = WorkspaceLock(folder, content, member)
    names = {DECLARATION}
    for package in _packages(workspace):
        places = (package.source[kind] for kind in _LOCAL if kind in package.source)
        names |= {str(PurePosixPath(place) / DECLARATION) for place in places if _is_below(place)}
    files = {name: read(name) for name in sorted(names)}
    declared = {name: each for name, each in files.items() if each is not None}
    return replace(workspace, declarations=declared)


def _is_below(place: str) -> bool:
    path = PurePosixPath(place)
    return not path.is_absolute() and ".." not in path.parts


def member_lock(workspace: WorkspaceLock) -> bytes:
    """Return the lock of the project alone.

    Raises `InvalidInput` if the lock does not have uv's format, or does not list the project.
    """
    head, entries = _entries(workspace)
    packages = _packages(workspace)
    if len(packages) != len(entries):
        raise InvalidInput(f"{workspace.folder}/{FILE} is not as uv writes it", hint=workspace.cure)
    own = next((at for at, each in enumerate(packages) if _is_at(each, workspace.member)), None)
    if own is None:
        raise InvalidInput(
            f"{workspace.folder}/{FILE} does not list {workspace.member}: expected a member of "
            "the workspace, or a lock beside pyproject.toml",
            hint=f"list {workspace.member} under [tool.uv.workspace] members and run uv lock; or "
            "under exclude, and run uv lock in the project",
        )
    needed = _needed(packages, own)
    kept = "".join(match[0] for match in _KEPT.finditer(head))
    source = next(kind for kind in _LOCAL if kind in packages[own].source)
    entries[own] = entries[own].replace(
        f'source = {{ {source} = "{workspace.member}" }}', f'source = {{ {source} = "." }}', 1
    )
    blocks = [_ENTRY + entries[at].rstrip("\n") + "\n" for at in sorted(needed)]
    return "\n".join((kept, *blocks)).encode()


def _entries(workspace: WorkspaceLock) -> tuple[str, list[str]]:
    """Return what stands before the packages, and the text of each of them."""
    try:
        text = workspace.content.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{workspace.folder}/{FILE} is not UTF-8") from error
    head, *entries = re.split(r"^\[\[package\]\]\n", text, flags=re.MULTILINE)
    return head, entries


def _packages(workspace: WorkspaceLock) -> tuple[_Package, ...]:
    name, cure = f"{workspace.folder}/{FILE}", "run uv lock to write it again"
    value = parse_toml(workspace.content, name, limit=MAX_LOCK)
    return typed(value, _Lock, name, hint=cure).package


def _is_at(package: _Package, member: str) -> bool:
    return any(package.source.get(kind) == member for kind in _LOCAL)


def _needed(packages: Sequence[_Package], own: int) -> set[int]:
    """Return the places of all packages that the one at `own` needs, with itself."""
    places: dict[str, list[int]] = {}
    for at, package in enumerate(packages):
        places.setdefault(package.name, []).append(at)
    needed, waiting = {own}, [own]
    while waiting:
        for dependency in packages[waiting.pop()].needs:
            for at in places.get(dependency.name, ()):
                fits = not dependency.version or packages[at].version == dependency.version
                if fits and at not in needed:
                    needed.add(at)
                    waiting.append(at)
    return needed
