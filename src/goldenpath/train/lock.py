"""`uv.lock` as values: which packages, from which index, with which hashes.

A lock is only as good as its sources: uv writes down any index it was told of, and fetches from
there ever after. So a lock is refused unless each package comes from an index that is allowed.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from goldenpath.errors import InvalidInput

FILE = "uv.lock"
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


def parse_lock(content: bytes) -> tuple[Locked, ...]:
    """The packages of a lock. Raises `InvalidInput` if it is not one of uv's."""
    try:
        value = tomllib.loads(content.decode("utf-8"))
        return tuple(_locked(entry) for entry in value["package"])
    except (ValueError, RecursionError, LookupError, TypeError) as error:
        hint = "make it again with uv lock"
        raise InvalidInput(f"{FILE} is not a lock of uv: {error}", hint=hint) from error


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


def _locked(entry: Mapping[str, object]) -> Locked:
    source = entry["source"]
    if not isinstance(source, dict) or not source:
        raise TypeError(f"package {entry['name']} has no source")
    kind, place = next(iter(source.items()))
    return Locked(
        str(entry["name"]),
        str(entry.get("version", "")),
        (kind, str(place)),
        {name: digest for name, _, digest in _files(entry)},
        {name: place for name, place, _ in _files(entry)},
    )


def _files(entry: Mapping[str, object]) -> Iterator[tuple[str, str, str]]:
    wheels, sdist = entry.get("wheels", []), entry.get("sdist")
    for file in (*(wheels if isinstance(wheels, list) else ()), *([sdist] if sdist else ())):
        place = str(file.get("url") or file.get("path") or file.get("filename"))
        yield unquote(urlsplit(place).path.rsplit("/", 1)[-1]), place, str(file.get("hash", ""))


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
