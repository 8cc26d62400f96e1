"""Writes the files of an image to a folder of this machine, to run its Python or to try it out."""

import os
import shutil
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Literal

from goldenpath.errors import VerificationError
from goldenpath.images.file_tree import FileTree, check_tree_path, with_folders
from goldenpath.images.tree_layer import GZIP_LAYER
from goldenpath.oci.descriptor import IMAGE_LAYER, Descriptor
from goldenpath.oci.store import Store

_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"


def write_tree(tree: FileTree, root: Path) -> None:
    """Write a tree below `root`, with its modes and without its owners."""
    for path, file in with_folders(tree).items():
        target = root / path
        if file.is_folder:
            target.mkdir(parents=True, exist_ok=True)
        elif file.target:
            target.symlink_to(file.target)
        elif isinstance(file.content, bytes):
            target.write_bytes(file.content)
            target.chmod(file.mode)
        else:
            shutil.copyfile(file.content, target)
            target.chmod(file.mode)


def unpack_layers(store: Store, layers: Iterable[Descriptor], root: Path) -> None:
    """Apply the layers of an image in their order. Raises `VerificationError` for a bad one."""
    for layer in layers:
        with (root.parent / f".{layer.digest.hex[:16]}").open("w+b") as blob:
            Path(blob.name).unlink()
            for chunk in store.fetch(layer):
                blob.write(chunk)
            blob.seek(0)
            _apply(layer, blob, root)


def _apply(layer: Descriptor, blob: IO[bytes], root: Path) -> None:
    if layer.media_type not in (GZIP_LAYER, IMAGE_LAYER):
        raise VerificationError(f"a layer has the type {layer.media_type}: expected a tar, or gzip")
    try:
        mode: Literal["r|gz", "r|"] = "r|gz" if layer.media_type == GZIP_LAYER else "r|"
        with tarfile.open(fileobj=blob, mode=mode) as archive:
            for entry in archive:
                path = entry.name.removeprefix("./").strip("/")
                if path and path != ".":
                    check_tree_path(path)
                    _place(archive, entry, root, path)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise VerificationError(f"layer {layer.digest} cannot be unpacked: {error}") from error


def _place(archive: tarfile.TarFile, entry: tarfile.TarInfo, root: Path, path: str) -> None:
    target = root / path
    if not target.parent.resolve().is_relative_to(root.resolve()):
        raise VerificationError(f"path {path[:300]!r} of a layer leads out of the image by a link")
    if target.name == _OPAQUE:
        for below in target.parent.iterdir():
            _remove(below)
    elif target.name.startswith(_WHITEOUT):
        _remove(target.with_name(target.name.removeprefix(_WHITEOUT)))
    elif entry.isfile() or entry.isdir() or entry.issym() or entry.islnk():
        if not entry.isdir() and (target.is_symlink() or target.exists()):
            _remove(target)
        # The filter refuses whatever would be written outside of the folder.
        archive.extract(entry, root, set_attrs=not entry.isdir(), filter=_owned_by_us)
        if entry.isdir():
            target.chmod(entry.mode & 0o777 | 0o700)  # we still write below it


def _owned_by_us(entry: tarfile.TarInfo, root: str) -> tarfile.TarInfo:
    checked = entry if entry.issym() else tarfile.tar_filter(entry, root)
    return checked.replace(uid=os.getuid(), gid=os.getgid(), uname="", gname="", deep=False)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
