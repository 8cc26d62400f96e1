"""The files of data that are scored: one file or a folder, on this machine or in a bucket.

A file in a bucket is fetched when its turn comes, and removed after it. So memory never grows with
the data, and the disk of this machine holds one file of them at a time.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from goldenpath.errors import InvalidInput, NotFound
from goldenpath.project.data_digest import digest_file
from goldenpath.settings import ObjectStore
from goldenpath.train.data.remote_data import RemoteFile, at_url


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file of the data, and how it comes onto this machine."""

    name: str
    identity: str
    """What tells it from a file with other content: its digest, or what the bucket says."""
    here: Callable[[], AbstractContextManager[Path]]
    """Holds the file on this machine."""


def data_files(where: str, settings: ObjectStore) -> tuple[DataFile, ...]:
    """Return the files at a path or a URL, by name; hidden ones are left out, and empty objects.

    Raises `NotFound` if there is none, `Unavailable` if a bucket cannot be listed.
    """
    if "://" in where:
        listed = sorted(at_url(where, settings).files, key=lambda each: each.name)
        found = [_in_bucket(each) for each in listed if each.size and not _is_hidden(each.name)]
    else:
        found = [_on_disk(path, name) for name, path in _paths(Path(where)).items()]
    if not found:
        raise NotFound(f"{where} has no data: expected a file, or a folder with files")
    return tuple(found)


def _paths(where: Path) -> Mapping[str, Path]:
    if not where.exists():
        raise NotFound(f"{where} does not exist: expected a file, a folder or a URL such as s3://…")
    if not where.is_dir():
        return {where.name: where}
    below = {path.relative_to(where).as_posix(): path for path in where.rglob("*")}
    return {
        name: below[name] for name in sorted(below)
        if below[name].is_file() and not _is_hidden(name)
    }  # fmt: skip


def _is_hidden(name: str) -> bool:
    """Whether a file says something about the others, such as `_SUCCESS` or `.crc`."""
    return any(part.startswith((".", "_")) for part in name.split("/"))


def _on_disk(path: Path, name: str) -> DataFile:
    return DataFile(name, digest_file(path).text, lambda: nullcontext(path))


def _in_bucket(file: RemoteFile) -> DataFile:
    if not file.version:
        raise InvalidInput(
            f"the store says nothing about the version of {file.name}: expected a time or an ETag",
            hint="copy the data to s3://, or onto this machine",
        )
    identity = f"{file.size} bytes, version {file.version}"
    return DataFile(file.name, identity, partial(_fetched, file))


@contextmanager
def _fetched(file: RemoteFile) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(file.name).name
        with path.open("wb") as sink:
            for chunk in file.read():
                sink.write(chunk)
        if path.stat().st_size != file.size:
            raise InvalidInput(f"{file.name} changed while it was read: run the same command again")
        yield path
