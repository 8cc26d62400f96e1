"""Data from wherever they are kept to a path that a training can open, and nowhere unverified.

What is in the project is used where it is. Everything else is fetched once into a folder named
by its pinned digest, and appears there only when every byte of it has that digest; an interrupted
transfer goes on with the files that are missing.
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
from goldenpath.train.data.remote_data import Remote, RemoteLocation, at_url, relative_name

TITLE = "org.opencontainers.image.title"
"""The annotation by which ORAS and others name the file in a layer."""


@dataclass(frozen=True, slots=True)
class Depot:
    """Where fetched data are kept, and what fetching needs."""

    folder: Path
    open_store: Callable[[str], tuple[Store, str]]
    """A reference of an OCI artifact to its store and the name in it."""
    objects: ObjectStore
    report: Callable[[str], None]


def bring_all(root: Path, sources: Sequence[DataSource], depot: Depot | None) -> Mapping[str, Path]:
    """Where each of the data is, by name. Raises as `bring` does."""
    return {source.name: bring(root, source, depot) for source in sources}


def bring(root: Path, source: DataSource, depot: Depot | None, *, pinned: bool = True) -> Path:
    """The file or folder on this machine.

    Raises `NotFound` if the data are nowhere, `Unavailable` if they cannot be fetched, and
    `InvalidInput` if what was fetched is not what was pinned; unless its digest is yet to be
    `pinned`, when data are fetched afresh.
    """
    if source.kind == "local":
        return root / source.path
    if source.kind == "dvc":
        output = _checked_out(root / source.path)
        if output is not None:
            return output
    if depot is None:
        raise Unavailable(f"{source.path} is not in the project, and nothing is fetched here")
    depot.folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(source.path.encode()).hexdigest()[:32]
    with locked(depot.folder / f"{name}.lock"):
        kept = depot.folder / Digest(source.digest).hex
        if not (pinned and kept.is_dir()):
            depot.report(f"fetching {source.path}")
            kept = _fetch(_place(root, source, depot), source, depot.folder / f"{name}.partial")
    found = Digest(f"sha256:{kept.name}")
    if pinned and found.text != source.digest:
        shutil.rmtree(kept)
        raise InvalidInput(
            f"{source.path} is not what was pinned: expected {source.digest}, got {found}",
            hint=f"if the data was meant to change, goldenpath data --pin {source.name}",
        )
    (path,) = kept.iterdir()
    return path


def keep_listing(folder: Path, digested: DataDigest) -> None:
    """Keeps the listing of a folder under its own digest, for those who check parts of it."""
    if digested.listing:
        write_whole(folder / f"{digested.digest.hex}.listing", digested.listing)


def _checked_out(file: Path) -> Path | None:
    pointer = read_pointer(file)
    output = file.parent / pointer.path
    if not output.exists():
        return None
    found = dvc_md5(output, pointer)
    if found != pointer.md5:
        raise InvalidInput(
            f"{output} is not what {file.name} names: expected MD5 {pointer.md5}, got {found}",
            hint="run dvc checkout, or dvc commit if the data were meant to change",
        )
    return output


def _place(root: Path, source: DataSource, depot: Depot) -> RemoteLocation:
    if source.kind == "dvc":
        file = root / source.path
        return at_dvc(file, read_pointer(file), depot.objects)
    if source.kind == "oci":
        return _artifact(source.path, depot)
    return at_url(source.path, depot.objects)


def _artifact(reference: str, depot: Depot) -> RemoteLocation:
    """The files of an OCI artifact: each layer that has a title is one."""
    store, name = depot.open_store(reference)
    found = store.resolve(name)
    content = read(store, found, MAX_MANIFEST)
    manifest = parse_manifest(document_type(content), content)
    if not isinstance(manifest, Manifest):
        raise InvalidInput(f"{reference} is an index: expected one artifact with files")
    named = [(layer.annotations.get(TITLE, ""), layer) for layer in manifest.layers]
    files = tuple(
        Remote(relative_name(f"/{title}", "/", reference), layer.size, _layer(store, layer))
        for title, layer in named
        if title
    )
    if not files:
        raise NotFound(f"{reference} has no file: expected layers with the annotation {TITLE}")
    alone = len(files) == 1 and "/" not in files[0].name
    return RemoteLocation(files[0].name if alone else "data", files, not alone)


def _layer(store: Store, layer: Descriptor) -> Callable[[], Iterator[bytes]]:
    return lambda: store.fetch(layer)


def _fetch(place: RemoteLocation, source: DataSource, partial: Path) -> Path:
    """Fetches into `partial`, and moves that to the folder that its digest names."""
    target = partial / place.name
    try:
        for file in place.files:
            _save(file, target / file.name if place.is_folder else target)
    except OSError as error:
        raise Unavailable(f"{source.path} could not be fetched: {error}") from error
    found = digest_data(target, pieces=source.pieces).digest
    kept = partial.with_name(found.hex)
    if kept.is_dir():
        shutil.rmtree(partial)
    else:
        partial.rename(kept)
    return kept


def _save(file: Remote, target: Path) -> None:
    # The size alone: whether the bytes are right is asked once, of everything, at the end.
    if target.is_file() and target.stat().st_size == file.size:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as into:
        for chunk in file.read():
            into.write(chunk)
    target.chmod(0o444)  # A training that writes into its data harms the next build as well.
