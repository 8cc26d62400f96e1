"""Reads `uv.lock`: its packages, their indexes and their hashes.

uv records every index that it was configured with, and fetches from there later. A lock is
therefore refused unless each package comes from an allowed index.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import unquote, urlsplit

import msgspec
from msgspec import Meta

from goldenpath.errors import InvalidInput
from goldenpath.parsers.toml_parser import parse_toml
from goldenpath.parsers.typed import typed

FILE = "uv.lock"
MAX_LOCK = 16 * 1024 * 1024
"""Largest size of a lock, 16 MiB. A thousand packages with all their wheels need 2 MiB."""
_HASH_LENGTH = len("sha256:") + 64


@dataclass(frozen=True, slots=True)
class LockedPackage:
    """One package of the lock."""

    name: str
    version: str
    source: tuple[str, str]
    """Kind and address: `("registry", "https://…")`, `("editable", ".")`, `("git", …)`."""
    files: Mapping[str, str]
    """The hash of each file, `sha256:…`; empty if the lock has none."""
    addresses: Mapping[str, str]
    """The URL or path of each file."""

    @property
    def is_project(self) -> bool:
        """Whether this is the project itself."""
        return self.source in {(kind, ".") for kind in ("editable", "virtual", "directory")}


class _File(msgspec.Struct):
    """A file of a package. In a local directory of wheels it has a path or a name, but no URL."""

    url: str = ""
    path: str = ""
    filename: str = ""
    hash: str = ""

    @property
    def address(self) -> str:
        return self.url or self.path or self.filename


class _Package(msgspec.Struct):
    name: str
    source: Annotated[dict[str, str], Meta(min_length=1)]
    version: str = ""
    wheels: tuple[_File, ...] = ()
    sdist: _File | None = None

    @property
    def files(self) -> tuple[_File, ...]:
        return (*self.wheels, self.sdist) if self.sdist else self.wheels


class _LockFile(msgspec.Struct):
    """The keys that are read here. uv writes more, and new ones with each version."""

    package: tuple[_Package, ...]


def parse_lock(content: bytes) -> tuple[LockedPackage, ...]:
    """Return the packages of a lock. Raises `InvalidInput` if it does not have uv's format."""
    hint = "run uv lock to write it again"
    try:
        value = parse_toml(content, FILE, limit=MAX_LOCK)
    except InvalidInput as error:
        raise InvalidInput(error.message, hint=hint) from error
    return tuple(map(_locked, typed(value, _LockFile, FILE, hint=hint).package))


def refuse_sources(packages: Sequence[LockedPackage], allowed: Sequence[str]) -> None:
    """Raise `InvalidInput` that lists each package from a source that is not allowed.

    If `allowed` is empty, the lock may use a single index, over HTTPS.
    """
    indexes = {locked.source[1] for locked in packages if locked.source[0] == "registry"}
    permitted = set(allowed) or (indexes if len(indexes) == 1 else set())
    faults = [fault for locked in packages for fault in _faults(locked, permitted)]
    if not allowed and len(indexes) > 1:
        faults = [f"the lock names several indexes: {', '.join(sorted(indexes))}"]
    if faults:
        raise InvalidInput(
            f"{FILE} has sources that are not allowed: " + "; ".join(faults),
            hint="lock from an allowed index, or list it under environment.indexes",
        )


def _locked(package: _Package) -> LockedPackage:
    kind, address = next(iter(package.source.items()))
    files = {
        unquote(urlsplit(file.address).path.rsplit("/", 1)[-1]): file for file in package.files
    }
    return LockedPackage(
        package.name,
        package.version,
        (kind, address),
        {name: file.hash for name, file in files.items()},
        {name: file.address for name, file in files.items()},
    )


def _faults(locked: LockedPackage, allowed: set[str]) -> Iterator[str]:
    kind, address = locked.source
    if locked.is_project:
        return
    if kind != "registry":
        yield f"{locked.name} comes from {kind} {address}"
    elif address not in allowed:
        yield f"{locked.name} comes from {address}"
    elif urlsplit(address).scheme != "https":
        yield f"{locked.name} comes from {address}, which is not HTTPS"
    elif not locked.files or not all(_is_hash(text) for text in locked.files.values()):
        yield f"{locked.name} has a file without a SHA-256"


def _is_hash(text: str) -> bool:
    return text.startswith("sha256:") and len(text) == _HASH_LENGTH
