"""Divides the files of a release into layers, and renders the bytes of each layer."""

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from goldenpath.errors import InvalidInput, NotFound
from goldenpath.oci.store import CHUNK
from goldenpath.release.artifact.archive import END, ArchiveEntry, check_path, header, padding

MODELS = "models"
"""The folder of the model in the image, where every runtime expects it."""

LARGE = 1024 * 1024
"""Bytes above which a file gets its own layer, so that registries store it only once."""

MAX_LAYERS = 100
"""Layers of a release. File systems of nodes support about 127."""

Content = bytes | Path


@dataclass(frozen=True, slots=True)
class Layer:
    """The files of one layer by their path in the image, sorted."""

    files: tuple[tuple[str, Content], ...]

    @property
    def single(self) -> str | None:
        """The path, if the layer is one file."""
        return self.files[0][0] if len(self.files) == 1 else None


def divide(
    files: Mapping[str, Content], alone: Iterable[str] = (), together: Iterable[str] = ()
) -> tuple[Layer, ...]:
    """Divide files into layers: a large file or one in `alone` gets its own layer.

    The files in `together` share one layer, whatever their size. All other files share the last
    layer. If there would be more than `MAX_LAYERS`, the smallest of the large files share a layer.
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
    layer: Layer, progress: Callable[[int], object] = lambda _size: None
) -> Iterator[bytes]:
    """Yield the tar of a layer; `progress` is called with the size of each chunk of a file."""
    for folder in _folders(path for path, _ in layer.files):
        yield header(ArchiveEntry(folder, 0, is_folder=True))
    for path, content in layer.files:
        size = size_of(content)
        yield header(ArchiveEntry(path, size))
        for chunk in _read(content, size):
            progress(len(chunk))
            yield chunk
        yield padding(size)
    yield END


def _folders(paths: Iterable[str]) -> list[str]:
    parents = {str(folder) for path in paths for folder in PurePosixPath(path).parents}
    return sorted(parents - {"."})


def size_of(content: Content) -> int:
    """Return the size of a file. Raises `NotFound` if absent, `InvalidInput` if not regular."""
    if isinstance(content, bytes):
        return len(content)
    try:
        status = content.lstat()
    except FileNotFoundError as error:
        raise NotFound(f"file {content} is missing") from error
    if not stat.S_ISREG(status.st_mode):
        raise InvalidInput(f"{content} is not a regular file: a release cannot hold links")
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
