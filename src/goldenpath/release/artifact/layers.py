"""Which file goes into which layer, and the bytes of each layer."""

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from goldenpath.errors import InvalidInput, NotFound
from goldenpath.oci.store import CHUNK
from goldenpath.release.artifact.archive import END, ArchiveEntry, check_path, header, padding

MODELS = "models"
"""The folder that every runtime expects in a model image."""

LARGE = 1024 * 1024
"""Bytes above which a file has a layer of its own, so that registries keep one copy of it."""

MAX_LAYERS = 100
"""Node file systems stop near 127."""

Content = bytes | Path


@dataclass(frozen=True, slots=True)
class Layer:
    """Files that travel together, by their path in the image, sorted."""

    files: tuple[tuple[str, Content], ...]

    @property
    def single(self) -> str | None:
        """The path, if the layer is one file."""
        return self.files[0][0] if len(self.files) == 1 else None


def divide(
    files: Mapping[str, Content], alone: Iterable[str] = (), together: Iterable[str] = ()
) -> tuple[Layer, ...]:
    """Large files and those named `alone` each in a layer, by path; the others together, last.

    Those named `together` share a layer of their own before the last, whatever their size. Beyond
    `MAX_LAYERS` the smaller of the large ones share one more layer.
    """
    for path in files:
        check_path(path, InvalidInput)
    sizes = {path: size_of(content) for path, content in files.items()}
    singles = set(alone)
    one = sorted(set(together))
    large = [path for path in files if path in singles or sizes[path] > LARGE]
    large = [path for path in large if path not in one]
    large.sort(key=lambda path: (path not in singles, -sizes[path], path))
    room = MAX_LAYERS - 2 - bool(one)
    own, shared = sorted(large[:room]), sorted(large[room:])
    small = sorted(set(files) - set(large) - set(one))
    groups = [*([path] for path in own), shared, one, small]
    return tuple(Layer(tuple((path, files[path]) for path in group)) for group in groups if group)


def render_layer(
    layer: Layer, told: Callable[[int], object] = lambda _size: None
) -> Iterator[bytes]:
    """The tar of a layer, in chunks; every file is read once, and `told` hears how far it is."""
    for folder in _folders(path for path, _ in layer.files):
        yield header(ArchiveEntry(folder, 0, is_folder=True))
    for path, content in layer.files:
        size = size_of(content)
        yield header(ArchiveEntry(path, size))
        for chunk in _read(content, size):
            told(len(chunk))
            yield chunk
        yield padding(size)
    yield END


def _folders(paths: Iterable[str]) -> list[str]:
    parents = {str(folder) for path in paths for folder in PurePosixPath(path).parents}
    return sorted(parents - {"."})


def size_of(content: Content) -> int:
    """Bytes of a file of a release. Raises `NotFound` or `InvalidInput` for a bad one."""
    if isinstance(content, bytes):
        return len(content)
    try:
        status = content.lstat()
    except FileNotFoundError as error:
        raise NotFound(f"file {content} is missing") from error
    if not stat.S_ISREG(status.st_mode):
        raise InvalidInput(f"{content} is not a regular file: a release holds no links")
    return status.st_size


def _read(content: Content, size: int) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    seen = 0
    descriptor = os.open(content, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        while chunk := file.read(CHUNK):
            seen += len(chunk)
            if seen <= size:
                yield chunk
    if seen != size:
        raise InvalidInput(f"{content} changed while it was packed")
