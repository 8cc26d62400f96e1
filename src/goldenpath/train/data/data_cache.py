"""Fetches data to a local path, and verifies them against their pinned digests.

Data in the project are used where they are. All other data are fetched once into a folder named by
their digest. The folder appears only when all bytes have that digest. An interrupted transfer goes
on with the missing files.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound, Unavailable
from goldenpath.files import locked, write_whole
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.manifest import MAX_MANIFEST, Manifest, document_type, parse_manifest
from goldenpath.oci.store import Store, read
from goldenpath.project.data_digest import DataDigest, digest_data
from goldenpath.project.dvc_pointer import read_pointer
from goldenpath.project.spec import DataSource
from goldenpath.settings import ObjectStore
from goldenpath.train.data.dvc import at_dvc, dvc_md5
from goldenpath.train.data.remote_data import RemoteFile, RemoteLocation, at_url, relative_name

TITLE = "org.opencontainers.image.title"
"""The annotation with which ORAS and others name the file in a layer."""


@dataclass(frozen=True, slots=True)
class DataCache:
    """The folder of fetched data, and what is needed to fetch more."""

    folder: Path
    open_store: Callable[[str], tuple[Store, str]]
    """Returns the store of an OCI reference, and the artifact's name in it."""
    objects: ObjectStore
    report: Callable[[str], None]


def fetch_all_data(
    root: Path, sources: Sequence[DataSource], data_cache: DataCache | None
) -> Mapping[str, Path]:
    """Return the local path of each source, by name. Raises as `fetch_data` does."""
    return {source.name: fetch_data(root, source, data_cache) for source in sources}


def fetch_data(
    root: Path, source: DataSource, data_cache: DataCache | None, *, pinned: bool = True
) -> Path:
    """Return the local file or folder of a source, after fetching it if necessary.

    Raises `NotFound` if the data do not exist, `Unavailable` if they cannot be fetched, and
    `InvalidInput` if they have another digest than the pinned one. With `pinned=False` the data are
    fetched again and any digest is accepted.
    """
    if source.kind == "local":
        return root / source.path
    if source.kind == "dvc":
        output = _checked_out(root / source.path)
        if output is not None:
            return output
    if data_cache is None:
        raise Unavailable(f"{source.path} is not in the project, and this command fetches no data")
    data_cache.folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(source.path.encode()).hexdigest()[:32]
    with locked(data_cache.folder / f"{name}.lock"):
        kept = data_cache.folder / Digest(source.digest).hex
        if not (pinned and kept.is_dir()):
            data_cache.report(f"fetching {source.path}")
            kept = _fetch(
                _location(root, source, data_cache), source, data_cache.folder / f"{name}.partial"
            )
    digest = Digest(f"sha256:{kept.name}")
    if pinned and digest.text != source.digest:
        shutil.rmtree(kept)
        raise InvalidInput(
            f"{source.path} has the wrong digest: expected {source.digest}, got {digest}",
            hint=f"if this change is intended, run goldenpath data --pin {source.name}",
        )
    (path,) = kept.iterdir()
    return path


def keep_listing(folder: Path, digested: DataDigest) -> None:
    """Store a listing under its own digest, so that parts can be checked later."""
    if digested.listing:
        write_whole(folder / f"{digested.digest.hex}.listing", digested.listing)


def _checked_out(file: Path) -> Path | None:
    pointer = read_pointer(file)
    output = file.parent / pointer.path
    if not output.exists():
        return None
    md5 = dvc_md5(output, pointer)
    if md5 != pointer.md5:
        raise InvalidInput(
            f"{output} differs from {file.name}: expected MD5 {pointer.md5}, got {md5}",
            hint="run dvc checkout, or dvc commit if this change is intended",
        )
    return output


def _location(root: Path, source: DataSource, data_cache: DataCache) -> RemoteLocation:
    if source.kind == "dvc":
        file = root / source.path
        return at_dvc(file, read_pointer(file), data_cache.objects)
    if source.kind == "oci":
        return _artifact(source.path, data_cache)
    return at_url(source.path, data_cache.objects)


def _artifact(reference: str, data_cache: DataCache) -> RemoteLocation:
    """Return the files of an OCI artifact. Each layer with a title is a file."""
    store, name = data_cache.open_store(reference)
    content = read(store, store.resolve(name), MAX_MANIFEST)
    manifest = parse_manifest(document_type(content), content)
    if not isinstance(manifest, Manifest):
        raise InvalidInput(f"{reference} is an index: expected one artifact with files")
    titled = [(layer.annotations.get(TITLE, ""), layer) for layer in manifest.layers]
    files = tuple(
        RemoteFile(relative_name(f"/{title}", "/", reference), layer.size, _layer(store, layer))
        for title, layer in titled
        if title
    )
    if not files:
        raise NotFound(f"{reference} has no file: expected layers with the annotation {TITLE}")
    is_single_file = len(files) == 1 and "/" not in files[0].name
    return RemoteLocation(files[0].name if is_single_file else "data", files, not is_single_file)


def _layer(store: Store, layer: Descriptor) -> Callable[[], Iterator[bytes]]:
    return lambda: store.fetch(layer)


def _fetch(location: RemoteLocation, source: DataSource, partial: Path) -> Path:
    """Fetch into the folder `partial`, and rename it to its digest."""
    target = partial / location.name
    try:
        for file in location.files:
            _save(file, target / file.name if location.is_folder else target)
    except OSError as error:
        raise Unavailable(f"{source.path} could not be fetched: {error}") from error
    digest = digest_data(target, pieces=source.pieces).digest
    kept = partial.with_name(digest.hex)
    if kept.is_dir():
        shutil.rmtree(partial)
    else:
        partial.rename(kept)
    return kept


def _save(file: RemoteFile, target: Path) -> None:
    # Comparing sizes is enough here: the digest of all bytes is checked at the end.
    if target.is_file() and target.stat().st_size == file.size:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as output:
        for chunk in file.read():
            output.write(chunk)
    target.chmod(0o444)  # A training that changed its data would break the next build as well.
