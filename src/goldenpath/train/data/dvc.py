"""Data that DVC keeps: found in its cache or its remote by the MD5 in the `.dvc` file.

Cache and remote have the layout of DVC 3 (`files/md5/ab/cdef…`) or of DVC 2 (`ab/cdef…`). The MD5
only finds a file. The build trusts the SHA-256 in `goldenpath.toml`.
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
from goldenpath.train.data.dvc_hash import DvcHash, dvc_hash
from goldenpath.train.data.remote_data import RemoteFile, RemoteLocation, at_url, relative_name

_CHUNK = 1024 * 1024
_MAX_LIST = 256 * 1024 * 1024
"""Largest size of DVC's list of a folder's files, in bytes."""


class _ListedFile(msgspec.Struct):
    """A file in DVC's list of a folder. The list may exceed the bounds of `parse_typed`."""

    relpath: str
    md5: str


Lookup = Callable[[str], RemoteFile]
"""Finds an object by its MD5. Raises `NotFound` if there is none."""


def at_dvc(file: Path, pointer: DvcPointer, settings: ObjectStore) -> RemoteLocation:
    """Return where the data of a `.dvc` file are, in DVC's cache or remote. Raises `NotFound`."""
    find, name = _lookup(file, settings), Path(pointer.path).name
    if not pointer.is_folder:
        stored = find(pointer.md5)
        return RemoteLocation(
            name, (RemoteFile(name, stored.size, _checked(stored, pointer.md5)),), False
        )
    file_list = find(f"{pointer.md5}.dir")
    if file_list.size > _MAX_LIST:
        raise InvalidInput(f"the file list of {file.name} is larger than {_MAX_LIST} bytes")
    content = b"".join(_checked(file_list, pointer.md5)())
    return RemoteLocation(name, tuple(_files(content, find, file.name)), True)


def dvc_md5(path: Path, pointer: DvcPointer) -> str:
    """Return the MD5 that DVC would give to a file or folder that is checked out."""
    if not pointer.is_folder:
        return _md5(path, pointer)
    files = sorted(
        (entry.relative_to(path).as_posix(), _md5(entry, pointer))
        for entry in path.rglob("*")
        if entry.is_file()
    )
    listed = [{"md5": md5, "relpath": name} for name, md5 in files]
    return hashlib.md5(json.dumps(listed, sort_keys=True).encode()).hexdigest()  # noqa: S324


def _files(content: bytes, find: Lookup, name: str) -> Iterator[RemoteFile]:
    try:
        entries = msgspec.json.decode(content, type=list[_ListedFile])
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the file list of {name} is not one of DVC's: {error}") from error
    for entry in entries:
        stored = find(entry.md5)
        path = relative_name(f"/{entry.relpath}", "/", name)
        yield RemoteFile(path, stored.size, _checked(stored, entry.md5))


def _lookup(file: Path, settings: ObjectStore) -> Lookup:
    root = next((path for path in file.absolute().parents if (path / ".dvc").is_dir()), None)
    if root is None:
        raise NotFound(f"{file} is in no repository of DVC: expected a folder .dvc above it")
    config = configparser.ConfigParser(interpolation=None)
    config.read([root / ".dvc" / "config", root / ".dvc" / "config.local"], "utf-8")
    addresses = tuple(_addresses(root / ".dvc", config))

    def find(md5: str) -> RemoteFile:
        for address in addresses:
            for path in (f"files/md5/{md5[:2]}/{md5[2:]}", f"{md5[:2]}/{md5[2:]}"):
                try:
                    return _object(f"{address}/{path}", settings)
                except NotFound:
                    continue
        raise NotFound(
            f"DVC has no object {md5} for {file.name} in its cache or its default remote",
            hint="run dvc pull here, or dvc push on the machine that has the data",
        )

    return find


def _addresses(folder: Path, config: configparser.ConfigParser) -> Iterator[str]:
    """Yield the cache, then the default remote. Relative paths start at `.dvc`, as in DVC."""
    yield str(folder / config.get("cache", "dir", fallback="cache"))
    remote = config.get("core", "remote", fallback="")
    url = config.get(f"'remote \"{remote}\"'", "url", fallback="")
    if url:
        yield url if "://" in url else str(folder / url)


def _object(address: str, settings: ObjectStore) -> RemoteFile:
    if "://" in address:
        return at_url(address, settings).files[0]
    path = Path(address)
    if not path.is_file():
        raise NotFound(f"{path} does not exist")
    return RemoteFile(path.name, path.stat().st_size, lambda: _chunks(path))


def _checked(remote: RemoteFile, md5: str) -> Callable[[], Iterable[bytes]]:
    def read() -> Iterator[bytes]:
        state = DvcHash()
        for chunk in remote.read():
            state.update(chunk)
            yield chunk
        # Both are right for the object of a name: the SHA-256 in the declaration decides.
        if md5 not in (state.plain, state.unix):
            raise VerificationError(
                f"the object of DVC has the wrong MD5: expected {md5}, got {state.plain}"
            )

    return read


def _md5(path: Path, pointer: DvcPointer) -> str:
    state = dvc_hash(_chunks(path))
    return state.unix if pointer.is_old else state.plain


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error
