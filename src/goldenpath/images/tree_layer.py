"""Renders a file tree as a compressed layer that depends on nothing but the tree.

Entries are sorted, times are zero, owners are numbers without names. The compression depends on the
version of zlib as well, so the digest of the uncompressed layer is the one to compare between
machines; the image configuration lists it.
"""

import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.images.file_tree import FileContent, FileTree, TreeFile, with_folders
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.store import CHUNK, Store
from goldenpath.oci.stream import Meter

GZIP_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
LEVEL = 6
_BLOCK = 512
_GZIP_HEAD = bytes.fromhex("1f8b0800000000000003")
"""No file name, no time, made on Unix."""


@dataclass(frozen=True, slots=True)
class ImageLayer:
    """A layer in a store, and the digest of what it unpacks to."""

    blob: Descriptor
    diff_id: Digest
    title: str


def push_layer(store: Store, tree: FileTree, title: str) -> ImageLayer:
    """Store the layer of a tree."""
    plain = Meter()
    blob = store.add(GZIP_LAYER, _compressed(plain.through(render_tree(tree))))
    return ImageLayer(blob, plain.digest, title)


def tree_digest(tree: FileTree) -> Digest:
    """Return the digest of the layer of a tree before it is compressed."""
    meter = Meter()
    for _ in meter.through(render_tree(tree)):
        pass
    return meter.digest


def render_tree(tree: FileTree) -> Iterator[bytes]:
    """Yield the tar of a tree, with the folders above each file."""
    for path, file in with_folders(tree).items():
        size = 0 if file.is_folder or file.target else _size(file.content)
        yield _header(path, file, size)
        if size:
            yield from _chunks(file.content, size)
            yield bytes(-size % _BLOCK)
    yield bytes(2 * _BLOCK)


def _header(path: str, file: TreeFile, size: int) -> bytes:
    info = tarfile.TarInfo(path)
    info.size = size
    info.mode = file.mode
    info.uid, info.gid = file.user, file.group
    if file.is_folder:
        info.type = tarfile.DIRTYPE
    elif file.target:
        info.type = tarfile.SYMTYPE
        info.linkname = file.target
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "strict")


def _size(content: FileContent) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def _chunks(content: FileContent, size: int) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    seen = 0
    with content.open("rb") as file:
        while chunk := file.read(CHUNK):
            seen += len(chunk)
            yield chunk
    if seen != size:
        raise InvalidInput(f"{content} changed while it was packed")


def _compressed(chunks: Iterator[bytes]) -> Iterator[bytes]:
    compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    checksum, size = 0, 0
    yield _GZIP_HEAD
    for chunk in chunks:
        checksum, size = zlib.crc32(chunk, checksum), size + len(chunk)
        if part := compressor.compress(chunk):
            yield part
    yield compressor.flush()
    yield checksum.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")
