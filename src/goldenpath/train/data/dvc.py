"""Data that DVC keeps: found in its cache or its remote by the MD5 that git has of them.

Layout of both as DVC 3 writes them (`files/md5/ab/cdef…`), or as DVC 2 did (`ab/cdef…`). An MD5 is
what DVC calls a file by; what the build believes in is the SHA-256 of `goldenpath.toml`.
"""

import configparser
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from goldenpath.errors import InvalidInput, NotFound, VerificationError
from goldenpath.project.dvc_pointer import DvcPointer
from goldenpath.settings import ObjectStore
from goldenpath.train.data.remote_data import Remote, RemoteLocation, at_url, relative_name

_CHUNK = 1024 * 1024
_MAX_LIST = 256 * 1024 * 1024
"""Bytes of the largest list of a folder's files that is read."""


class _Listed(msgspec.Struct):
    """A file of a folder. A million of them are more than `parse_typed` takes."""

    relpath: str
    md5: str


Lookup = Callable[[str], Remote]
"""Finds an object by its MD5, or raises `NotFound`."""


def at_dvc(file: Path, pointer: DvcPointer, settings: ObjectStore) -> RemoteLocation:
    """What the pointer in `file` names, out of cache or remote. Raises `NotFound`."""
    find, name = _lookup(file, settings), Path(pointer.path).name
    if not pointer.is_folder:
        found = find(pointer.md5)
        return RemoteLocation(
            name, (Remote(name, found.size, _checked(found, pointer.md5)),), False
        )
    listed = find(f"{pointer.md5}.dir")
    if listed.size > _MAX_LIST:
        raise InvalidInput(f"the list of {file.name} is larger than {_MAX_LIST} bytes")
    content = b"".join(_checked(listed, pointer.md5)())
    return RemoteLocation(name, tuple(_files(content, find, file.name)), True)


def dvc_md5(path: Path, pointer: DvcPointer) -> str:
    """The MD5 that DVC would give to a file or folder that is checked out."""
    if not pointer.is_folder:
        return _md5(path)
    files = sorted(
        (each.relative_to(path).as_posix(), _md5(each))
        for each in path.rglob("*")
        if each.is_file()
    )
    listed = [{"md5": md5, "relpath": name} for name, md5 in files]
    return hashlib.md5(json.dumps(listed, sort_keys=True).encode()).hexdigest()  # noqa: S324


def _files(content: bytes, find: Lookup, name: str) -> Iterator[Remote]:
    try:
        listed = msgspec.json.decode(content, type=list[_Listed])
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the list of {name} is not one of DVC's: {error}") from error
    for entry in listed:
        found = find(entry.md5)
        path = relative_name(f"/{entry.relpath}", "/", name)
        yield Remote(path, found.size, _checked(found, entry.md5))


def _lookup(file: Path, settings: ObjectStore) -> Lookup:
    root = next((each for each in file.absolute().parents if (each / ".dvc").is_dir()), None)
    if root is None:
        raise NotFound(f"{file} is in no repository of DVC: expected a folder .dvc above it")
    config = configparser.ConfigParser(interpolation=None)
    config.read([root / ".dvc" / "config", root / ".dvc" / "config.local"], "utf-8")
    places = tuple(_places(root / ".dvc", config))

    def find(md5: str) -> Remote:
        for place in places:
            for path in (f"files/md5/{md5[:2]}/{md5[2:]}", f"{md5[:2]}/{md5[2:]}"):
                try:
                    return _object(f"{place}/{path}", settings)
                except NotFound:
                    continue
        raise NotFound(
            f"DVC has no object {md5} for {file.name} in its cache or its default remote",
            hint="run dvc pull, or dvc push where the data are",
        )

    return find


def _places(folder: Path, config: configparser.ConfigParser) -> Iterator[str]:
    """Where objects are: the cache, then the default remote; relative to `.dvc` as DVC does."""
    yield str(folder / config.get("cache", "dir", fallback="cache"))
    remote = config.get("core", "remote", fallback="")
    url = config.get(f"'remote \"{remote}\"'", "url", fallback="")
    if url:
        yield url if "://" in url else str(folder / url)


def _object(address: str, settings: ObjectStore) -> Remote:
    if "://" in address:
        place = at_url(address, settings)
        return place.files[0]
    path = Path(address)
    if not path.is_file():
        raise NotFound(f"{path} is not there")
    return Remote(path.name, path.stat().st_size, lambda: _chunks(path))


def _checked(remote: Remote, md5: str) -> Callable[[], Iterable[bytes]]:
    def read() -> Iterator[bytes]:
        state = hashlib.md5(usedforsecurity=False)
        for chunk in remote.read():
            state.update(chunk)
            yield chunk
        if state.hexdigest() != md5:
            raise VerificationError(
                f"the object of DVC has the wrong MD5: expected {md5}, got {state.hexdigest()}"
            )

    return read


def _md5(path: Path) -> str:
    state = hashlib.md5(usedforsecurity=False)
    for chunk in _chunks(path):
        state.update(chunk)
    return state.hexdigest()


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error
