"""Reads `uv.lock`: its packages, their indexes, and the addresses and hashes of their files.

uv records every index that it was configured with, and later fetches each file from the address
that the lock names, whatever its index is. A lock is therefore refused unless each package comes
from an allowed index, and each file from a host that serves it.
"""

import hashlib
import re
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
_HASH = re.compile(r"sha256:[0-9a-f]{64}")
_WRITE_AGAIN = "run uv lock to write it again"
_MAX_NAMED = 20
# The main public index keeps its files on another host, which uv writes into every lock. No
# registry is named in our files, so both stand here as SHA-256 of their names.
_MAIN_INDEX = "a4aa2ac280bb8d1a0ce7a1be5a7bfb10292b49fe9435ad5cff19f421f3c70e41"
_MAIN_FILES = "c899567ee906851741bf7f3bde17a33777859ff9f53ff54d6f0ea54cf31ad636"


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
    try:
        value = parse_toml(content, FILE, limit=MAX_LOCK)
    except InvalidInput as error:
        raise InvalidInput(error.message, hint=_WRITE_AGAIN) from error
    return tuple(map(_locked, typed(value, _LockFile, FILE, hint=_WRITE_AGAIN).package))


def _file_name(address: str) -> str:
    path = address.partition("#")[0].partition("?")[0]
    return unquote(path.rpartition("/")[2])


def refuse_sources(
    packages: Sequence[LockedPackage], indexes: Sequence[str], hosts: Sequence[str] = ()
) -> None:
    """Raise `InvalidInput` that lists what the lock takes from sources that are not allowed.

    Each package has to come from one of `indexes`; if that is empty, the lock may use a single
    index, over HTTPS. Each file has to come over HTTPS from the host of an index, from the host
    where the main public index keeps its files, or from one of `hosts`, and has to have a SHA-256.
    """
    faults = _source_faults(packages, indexes, hosts)
    if faults:
        raise InvalidInput(
            f"{FILE} has sources that are not allowed: " + "; ".join(faults[:_MAX_NAMED]),
            hint="lock from an allowed index with uv lock; or list the index under "
            "environment.indexes, and a host that serves its files under environment.file_hosts. "
            "Publish a package of your own repository to an index, or move its code into the "
            "project",
        )


def _source_faults(
    packages: Sequence[LockedPackage], indexes: Sequence[str], hosts: Sequence[str]
) -> tuple[str, ...]:
    named = {locked.source[1] for locked in packages if locked.source[0] == "registry"}
    if not indexes and len(named) > 1:
        return (f"the lock names several indexes: {', '.join(map(_shown, sorted(named)))}",)
    permitted = set(indexes) or named
    servers = {server for index in permitted for server in _servers(index)}
    servers |= {_digest(host.lower()) for host in hosts}
    projects = [locked.name for locked in packages if locked.is_project]
    several = f"the lock has several projects: {', '.join(projects)}"
    faults = [several] if len(projects) > 1 else []
    faults += (fault for locked in packages for fault in _faults(locked, permitted, servers))
    return tuple(faults)


def _locked(package: _Package) -> LockedPackage:
    kind, address = next(iter(package.source.items()))
    if len(package.source) > 1:
        # Such as a folder below an address: nothing that an index serves.
        kind, address = " and ".join(package.source), " ".join(package.source.values())
    files = {_file_name(file.address): file for file in package.files}
    if len(files) != len(package.files):
        # One entry would hide another with another address or hash.
        raise InvalidInput(f"{FILE} names a file of {package.name} twice", hint=_WRITE_AGAIN)
    return LockedPackage(
        package.name,
        package.version,
        (kind, address),
        {name: file.hash for name, file in files.items()},
        {name: file.address for name, file in files.items()},
    )


def _faults(locked: LockedPackage, allowed: set[str], servers: set[str]) -> Iterator[str]:
    kind, address = locked.source
    if locked.is_project:
        return
    if kind != "registry":
        yield f"{locked.name} comes from {kind} {address}"
    elif address not in allowed:
        yield f"{locked.name} comes from {_shown(address)}"
    elif urlsplit(address).scheme != "https":
        yield f"{locked.name} comes from {_shown(address)}, which is not HTTPS"
    elif not locked.files or not all(_is_hash(text) for text in locked.files.values()):
        yield f"{locked.name} has a file without a SHA-256"
    else:
        for name, file in locked.addresses.items():
            yield from _file_faults(name, file, servers)


def _file_faults(name: str, address: str, servers: set[str]) -> Iterator[str]:
    try:
        parts = urlsplit(address)
        server = _server(address)
    except ValueError:
        yield f"{name} has an address that cannot be read"
        return
    if parts.scheme != "https":
        yield f"{name} comes from {_shown(address)}, which is not HTTPS"
    elif "@" in parts.netloc:
        yield f"{name} comes from an address with a password, from {server}"
    elif _digest(server) not in servers:
        yield f"{name} comes from the host {server}"


def _servers(index: str) -> Iterator[str]:
    """Yield the digests of the hosts that may serve the files of an index."""
    try:
        digest = _digest(_server(index))
    except ValueError:
        return  # it is refused for its own sake
    yield digest
    if digest == _MAIN_INDEX:
        yield _MAIN_FILES


def _digest(server: str) -> str:
    return hashlib.sha256(server.encode()).hexdigest()


def _server(address: str) -> str:
    """Return host and port; the port of HTTPS is left out. Raises `ValueError`."""
    parts = urlsplit(address)
    port = "" if parts.port in (None, 443) else f":{parts.port}"
    return f"{(parts.hostname or '').lower()}{port}"


def _shown(address: str) -> str:
    """Return an address without a password in it."""
    head, separator, rest = address.partition("://")
    return f"{head}{separator}{rest.rpartition('@')[2]}"[:300]


def _is_hash(text: str) -> bool:
    return _HASH.fullmatch(text) is not None
