"""Data at a URL: `s3://` by Arrow, every other scheme by the fsspec file system for it.

Both show the same three things here: which files there are, how large they are, and their bytes.
"""

from collections.abc import Callable, Iterable, Iterator
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
    """A file that was opened."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, none at the end."""


@dataclass(frozen=True, slots=True)
class Remote:
    """One file that is elsewhere."""

    name: str
    """Its path below the folder that is fetched; the name alone of a single file."""
    size: int
    read: Callable[[], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class RemoteLocation:
    """What is at a URL."""

    name: str
    """The last part of the address."""
    files: tuple[Remote, ...]
    is_folder: bool


def at_url(url: str, settings: ObjectStore) -> RemoteLocation:
    """The file or folder at `url`.

    Raises `NotFound` if nothing is there, `Unavailable` if that cannot be said, and `InvalidInput`
    for a scheme that nobody here speaks.
    """
    scheme = urlsplit(url).scheme
    try:
        place = _in_buckets(url, settings) if scheme == "s3" else _by_fsspec(url)
    except FileNotFoundError:
        place = None
    except OSError as error:
        said = " ".join(str(error).split())[:300]
        raise Unavailable(f"{url} cannot be read: {said}") from error
    if place is None or not place.files:
        raise NotFound(f"{url} is not there: expected a file, or a folder with files")
    return place


def relative_name(path: str, base: str, url: str) -> str:
    """The name of a file below `base`. Raises `InvalidInput` if it leads out of there."""
    name = path.removeprefix(base).lstrip("/")
    if not name or PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise InvalidInput(f"{url} names a file outside of it: {path!r}")
    return name


def _in_buckets(url: str, settings: ObjectStore) -> RemoteLocation:
    from pyarrow.fs import FileSelector, FileType, S3FileSystem

    system = S3FileSystem(endpoint_override=settings.endpoint, region=settings.region)
    parts = urlsplit(url)
    path = f"{parts.netloc}{parts.path}".rstrip("/")
    (info,) = system.get_file_info([path])
    is_folder = info.type != FileType.File
    below = system.get_file_info(FileSelector(path, recursive=True)) if is_folder else [info]
    name = PurePosixPath(path).name
    files = tuple(
        Remote(
            relative_name(each.path, path, url) if is_folder else name,
            each.size,
            _stream(partial(system.open_input_stream, each.path)),
        )
        for each in below
        if each.type == FileType.File
    )
    return RemoteLocation(name, files, is_folder)


def _by_fsspec(url: str) -> RemoteLocation:
    try:
        from fsspec.core import url_to_fs

        system, path = url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise InvalidInput(
            f"{url} cannot be read: {error}",
            hint="install fsspec, and what it needs for that scheme, beside goldenpath",
        ) from error
    path = str(path).rstrip("/")
    is_folder = not system.isfile(path)
    below = system.find(path, detail=True) if is_folder else {path: system.info(path)}
    name = PurePosixPath(path).name
    files = tuple(
        Remote(
            relative_name(found, path, url) if is_folder else name,
            int(info.get("size") or 0),
            _stream(partial(system.open, found, "rb")),
        )
        for found, info in sorted(below.items())
    )
    return RemoteLocation(name, files, is_folder)


def _stream(
    open_file: Callable[[], AbstractContextManager[Readable]],
) -> Callable[[], Iterator[bytes]]:
    def read() -> Iterator[bytes]:
        with open_file() as file:
            while chunk := file.read(_CHUNK):
                yield chunk

    return read
