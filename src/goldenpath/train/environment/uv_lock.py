"""`uv.lock` as values: which packages, from which index, with which hashes.

A lock is only as good as its sources: uv writes down any index it was told of, and fetches from
there ever after. So a lock is refused unless each package comes from an index that is allowed.
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
"""Bytes of the largest lock that is read, 16 MiB: a thousand packages with all wheels need two."""
_HASH_LENGTH = len("sha256:") + 64


@dataclass(frozen=True, slots=True)
class Locked:
    """One package of the lock."""

    name: str
    version: str
    source: tuple[str, str]
    """Kind and place: `("registry", "https://…")`, `("editable", ".")`, `("git", …)`."""
    files: Mapping[str, str]
    """File name to `sha256:…`; empty hash where the lock has none."""
    places: Mapping[str, str]
    """File name to the address, or path, that the lock has of it."""

    @property
    def is_project(self) -> bool:
        """Whether this is the project itself."""
        return self.source in {(kind, ".") for kind in ("editable", "virtual", "directory")}


class _File(msgspec.Struct):
    """A file of a package; a directory of wheels has a path or a name in place of an address."""

    url: str = ""
    path: str = ""
    filename: str = ""
    hash: str = ""

    @property
    def place(self) -> str:
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
    """As far as it is read here: uv writes more, and more with each version."""

    package: tuple[_Package, ...]


def parse_lock(content: bytes) -> tuple[Locked, ...]:
    """The packages of a lock. Raises `InvalidInput` if it is not one of uv's."""
    hint = "make it again with uv lock"
    try:
        value = parse_toml(content, FILE, limit=MAX_LOCK)
    except InvalidInput as error:
        raise InvalidInput(error.message, hint=hint) from error
    return tuple(map(_locked, typed(value, _LockFile, FILE, hint=hint).package))


def refuse_sources(packages: Sequence[Locked], allowed: Sequence[str]) -> None:
    """Raises `InvalidInput` that lists each package from a place that is not allowed.

    If nothing is allowed by name, one index alone may be used, over HTTPS: the one that uv was
    configured with when the lock was made.
    """
    indexes = {locked.source[1] for locked in packages if locked.source[0] == "registry"}
    known = set(allowed) or (indexes if len(indexes) == 1 else set())
    wrong = [fault for locked in packages for fault in _faults(locked, known)]
    if not allowed and len(indexes) > 1:
        wrong = [f"the lock names several indexes: {', '.join(sorted(indexes))}"]
    if wrong:
        raise InvalidInput(
            f"{FILE} has sources that are not allowed: " + "; ".join(wrong),
            hint="lock from an allowed index, or list it under environment.indexes",
        )


def _locked(package: _Package) -> Locked:
    kind, place = next(iter(package.source.items()))
    names = {unquote(urlsplit(each.place).path.rsplit("/", 1)[-1]): each for each in package.files}
    return Locked(
        package.name,
        package.version,
        (kind, place),
        {name: file.hash for name, file in names.items()},
        {name: file.place for name, file in names.items()},
    )


def _faults(locked: Locked, allowed: set[str]) -> Iterator[str]:
    kind, place = locked.source
    if locked.is_project:
        return
    if kind != "registry":
        yield f"{locked.name} comes from {kind} {place}"
    elif place not in allowed:
        yield f"{locked.name} comes from {place}"
    elif urlsplit(place).scheme != "https":
        yield f"{locked.name} comes from {place}, which is not HTTPS"
    elif not locked.files or not all(_is_hash(text) for text in locked.files.values()):
        yield f"{locked.name} has a file without a SHA-256"


def _is_hash(text: str) -> bool:
    return text.startswith("sha256:") and len(text) == _HASH_LENGTH
