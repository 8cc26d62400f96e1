"""Opens a release, so that exactly the verified bytes are used.

A release appears on disk under its name, or reaches a model parser, only after all its digests and
sizes were verified.
"""

import os
import secrets
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from goldenpath.canonical import JsonValue, parse_object
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, Unavailable, VerificationError
from goldenpath.oci.descriptor import IMAGE_CONFIG, IMAGE_LAYER, IMAGE_MANIFEST
from goldenpath.oci.manifest import MAX_MANIFEST, Manifest
from goldenpath.oci.store import Store, read
from goldenpath.release.artifact.archive import ArchiveEntry, read_tar
from goldenpath.release.artifact.layers import MAX_LAYERS, MODELS

MAX_IN_MEMORY = 4 * 1024**3
"""Bytes of the largest release that is opened in memory, unless the caller sets another limit."""
MAX_ON_DISK = 1024**4
MAX_FILES = 10_000
MAX_SMALL = 256 * 1024 * 1024
"""Bytes of the largest layer of small files that is read in memory."""


@dataclass(frozen=True, slots=True)
class Release:
    """A verified release: every byte of `files` was hashed."""

    digest: Digest
    manifest: Manifest
    files: Mapping[str, bytes]
    """Content by path in the image, for example `models/model.onnx`."""


def open_release(
    store: Store,
    digest: Digest,
    *,
    limit: int = MAX_IN_MEMORY,
    keep: Callable[[str], bool] = lambda path: True,
) -> Release:
    """Open a release in memory. Every byte is read, but only files that `keep` selects are kept.

    Raises `VerificationError` if anything in it is wrong.
    """
    manifest = read_image(store, digest, limit=limit)
    files: dict[str, bytes] = {}
    for entry, content in _files(store, manifest):
        if keep(entry.path):
            files[entry.path] = b"".join(content)
        else:
            deque(content, maxlen=0)
    return Release(digest, manifest, files)


def open_small(store: Store, digest: Digest, beside: str) -> Mapping[str, bytes]:
    """Return the files of the layer that holds the file `beside`, with the small ones of a release.

    Large files have layers of their own, so the smallest layers are read first, and the rest not
    at all. Every byte that is read is verified. Raises `InvalidInput` if no layer has the file.
    """
    manifest = read_image(store, digest)
    for layer in sorted(manifest.layers, key=lambda each: each.size):
        if layer.size > MAX_SMALL:
            break
        files = {
            entry.path: b"".join(content)
            for entry, content in read_tar(store.fetch(layer))
            if not entry.is_folder
        }
        if beside in files:
            return files
    raise InvalidInput(f"{digest} is not a release: none of its small layers has {beside}")


def unpack(
    store: Store, digest: Digest, destination: Path, *, limit: int = MAX_ON_DISK
) -> Manifest:
    """Write the release to the new folder `destination`, which appears complete or not at all.

    Raises `VerificationError` if anything in it is wrong.
    """
    if destination.exists() or destination.is_symlink():
        raise InvalidInput(f"{destination} exists already", hint="name a new folder")
    manifest = read_image(store, digest, limit=limit)
    partial = destination.with_name(f".{destination.name}.{secrets.token_hex(8)}")
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        # Nobody else may look into a release that is not verified to its end yet.
        partial.mkdir(mode=0o700)
        for entry, content in _files(store, manifest):
            _write(partial / entry.path, content)
        partial.chmod(0o755)
        partial.rename(destination)
    except OSError as error:
        raise Unavailable(f"{destination} cannot be written: {error.strerror}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


def read_image(store: Store, digest: Digest, *, limit: int = MAX_ON_DISK) -> Manifest:
    """Return the manifest of a release after checking its shape, config and sizes."""
    descriptor = store.resolve(digest.text)
    if descriptor.media_type != IMAGE_MANIFEST:
        raise VerificationError(
            f"{digest} is not a release: expected an image manifest, got {descriptor.media_type}"
        )
    manifest = Manifest.parse(read(store, descriptor, MAX_MANIFEST))
    # By the sizes that the manifest declares, before a byte is read; each layer is then held to its
    # size.
    total = sum(layer.size for layer in manifest.layers)
    if not 0 < len(manifest.layers) <= MAX_LAYERS:
        raise VerificationError(
            f"{digest} has {len(manifest.layers)} layers: expected 1 to {MAX_LAYERS}"
        )
    if total > limit:
        raise VerificationError(f"{digest} is too large: expected at most {limit}, got {total}")
    _check_config(store, manifest)
    return manifest


def _check_config(store: Store, manifest: Manifest) -> None:
    types = {layer.media_type for layer in manifest.layers}
    if manifest.config.media_type != IMAGE_CONFIG or types != {IMAGE_LAYER}:
        raise VerificationError("the image is not a release: expected uncompressed image layers")
    config = parse_object(read(store, manifest.config, MAX_MANIFEST), "image config")
    root = config.get("rootfs")
    listed: JsonValue = root.get("diff_ids") if isinstance(root, dict) else None
    # In an uncompressed image both lists are the same. A runtime that unpacks by `diff_ids` must
    # get what we verified.
    if listed != [layer.digest.text for layer in manifest.layers]:
        raise VerificationError("the image config lists different layers than the manifest")


def _files(store: Store, manifest: Manifest) -> Iterator[tuple[ArchiveEntry, Iterator[bytes]]]:
    seen: set[str] = set()
    folders: set[str] = set()
    for layer in manifest.layers:
        for entry, content in read_tar(store.fetch(layer)):
            _check_entry(entry, seen, folders)
            if not entry.is_folder:
                yield entry, content


def _check_entry(entry: ArchiveEntry, files: set[str], folders: set[str]) -> None:
    # Some file systems ignore case, so two paths that differ only in case are the same path here.
    path = entry.path.casefold()
    parents = {path[:cut] for cut, letter in enumerate(path) if letter == "/"}
    if not (path.startswith(MODELS + "/") or (path == MODELS and entry.is_folder)):
        raise VerificationError(f"path {entry.path!r} is outside of {MODELS}/")
    if path in files or parents & files or (not entry.is_folder and path in folders):
        raise VerificationError(f"path {entry.path!r} occurs twice in the release")
    if len(files) + len(folders) >= MAX_FILES:
        raise VerificationError(f"the release holds too many files: expected at most {MAX_FILES}")
    folders |= parents
    (folders if entry.is_folder else files).add(path)


def _write(path: Path, content: Iterator[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two paths to one file were refused above. If that rule had a hole, nothing would be
    # overwritten or followed here.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        for chunk in content:
            view = memoryview(chunk)
            while view:
                view = view[file.write(view) or 0 :]
        os.fsync(file.fileno())
