"""Data at a URL: `s3://` is read by Arrow, one file on the web by us, other schemes by fsspec.

All are reduced to the same interface: the files at the URL, their sizes, and their bytes.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import Protocol
from urllib.parse import urlsplit

from goldenpath.errors import InvalidInput, NotFound, Unavailable
from goldenpath.settings import ObjectStore

_CHUNK = 1024 * 1024


class Readable(Protocol):
    """An open file."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most `size`. Returns no bytes at the end of the file."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file that is not on this machine."""

    name: str
    """Its path below the fetched folder, or the bare name of a single file."""
    size: int
    """Bytes."""
    read: Callable[[], Iterable[bytes]]
    version: str = ""
    """What the store says about the version of its content; empty if it says nothing."""


@dataclass(frozen=True, slots=True)
class RemoteLocation:
    """The file or folder at a URL."""

    name: str
    """The last segment of the address."""
    files: tuple[RemoteFile, ...]
    is_folder: bool


def at_url(url: str, settings: ObjectStore) -> RemoteLocation:
    """Return the file or folder at `url`.

    Raises `NotFound` if it does not exist, `Unavailable` if that cannot be determined, and
    `InvalidInput` for a scheme that is not supported here.
    """
    scheme = urlsplit(url).scheme
    try:
        if scheme in ("http", "https") and not urlsplit(url).path.endswith("/"):
            return _on_the_web(url)
        location = _in_bucket(url, settings) if scheme == "s3" else _by_fsspec(url)
    except FileNotFoundError:
        location = None
    except OSError as error:
        reason = " ".join(str(error).split())[:300]
        raise Unavailable(f"{url} cannot be read: {reason}") from error
    if location is None or not location.files:
        raise NotFound(f"{url} does not exist: expected a file, or a folder with files")
    return location


def relative_name(path: str, base: str, url: str) -> str:
    """Return the path of a file below `base`. Raises `InvalidInput` if it is outside `base`."""
    name = path.removeprefix(base).lstrip("/")
    if not name or PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise InvalidInput(f"{url} names a file outside its folder: {path!r}")
    return name


def _in_bucket(url: str, settings: ObjectStore) -> RemoteLocation:
    from pyarrow.fs import FileSelector, FileType, S3FileSystem

    system = S3FileSystem(endpoint_override=settings.endpoint, region=settings.region)
    parts = urlsplit(url)
    path = f"{parts.netloc}{parts.path}".rstrip("/")
    (info,) = system.get_file_info([path])
    below = [info]
    # Tools that show folders in a bucket put an empty object there, named as the prefix.
    if info.type != FileType.File or not info.size:
        selector = FileSelector(path, recursive=True, allow_not_found=True)
        below = system.get_file_info(selector) or below
    is_folder = below != [info]
    name = PurePosixPath(path).name
    files = tuple(
        RemoteFile(
            relative_name(entry.path, path, url) if is_folder else name,
            entry.size,
            _stream(partial(system.open_input_stream, entry.path)),
            str(entry.mtime_ns or ""),
        )
        for entry in below
        if entry.type == FileType.File
    )
    return RemoteLocation(name, files, is_folder)


def _on_the_web(url: str) -> RemoteLocation:
    """Return the one file at an address; a folder there is fsspec's."""
    from goldenpath.http.downloads.web_file import web_file

    file = web_file(url, os.environ)
    name = PurePosixPath(urlsplit(url).path).name or "data"
    return RemoteLocation(name, (RemoteFile(name, file.size, file.read),), is_folder=False)


def _by_fsspec(url: str) -> RemoteLocation:
    try:
        from fsspec.core import url_to_fs

        system, path = url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise InvalidInput(
            f"{url} cannot be read: {error}",
            hint="install fsspec, and its package for that scheme, beside goldenpath"
            if isinstance(error, ImportError)
            else "use a scheme that fsspec knows, such as https, s3, gs or abfs",
        ) from error
    path = str(path).rstrip("/")
    below = {path: system.info(path)} if system.isfile(path) else {}
    # Tools that show folders in a bucket put an empty object there, named as the prefix.
    if not below or not below[path].get("size"):
        found = system.find(path, detail=True).items()
        below = {name: info for name, info in found if str(name) != path} or below
    is_folder = below.keys() != {path}
    name = PurePosixPath(path).name
    files = tuple(
        RemoteFile(
            relative_name(address, path, url) if is_folder else name,
            int(info.get("size") or 0),
            _stream(partial(system.open, address, "rb")),
            _version(info),
        )
        for address, info in sorted(below.items())
    )
    return RemoteLocation(name, files, is_folder)


def _version(info: Mapping[str, object]) -> str:
    """Return what fsspec knows of the version of a file; each store has its own name for it."""
    names = ("ETag", "etag", "LastModified", "last_modified", "mtime")
    return next((str(info[name]) for name in names if info.get(name)), "")


def _stream(
    open_file: Callable[[], AbstractContextManager[Readable]],
) -> Callable[[], Iterator[bytes]]:
    def read() -> Iterator[bytes]:
        with open_file() as file:
            while chunk := file.read(_CHUNK):
                yield chunk

    return read
