"""The status of a project's data: fetched, hashed, and compared with the pinned digests."""

from dataclasses import dataclass
from pathlib import Path

from goldenpath.digest import Digest
from goldenpath.errors import NotFound
from goldenpath.project.data_digest import check_parts, digest_data
from goldenpath.project.digest_journal import DigestJournal
from goldenpath.project.pin import pin
from goldenpath.project.spec import DataSource
from goldenpath.train.data.data_cache import DataCache, fetch_data, keep_listing


@dataclass(frozen=True, slots=True)
class DataStatus:
    """One source of data as it is now."""

    name: str
    path: str
    digest: str
    size: int
    files: int
    agrees: bool
    """Whether the data have the pinned digest."""
    wrong: tuple[str, ...] = ()
    """The parts that differ, if only some were checked."""


def check_data(
    root: Path, source: DataSource, data_cache: DataCache, *, repin: bool = False
) -> DataStatus:
    """Hash all data of a source, resuming an interrupted run. Pins the digest if `repin`.

    Raises as `fetch_data` and `pin` do.
    """
    path = fetch_data(root, source, data_cache, pinned=not repin)
    journal = DigestJournal(data_cache.folder, path)
    data = digest_data(path, pieces=source.pieces, journal=journal)
    keep_listing(data_cache.folder, data)
    journal.delete()
    if repin:
        pin(root, source.name, data.digest)
    agrees = repin or data.digest.text == source.digest
    return DataStatus(source.name, source.path, data.digest.text, data.size, data.files, agrees)


def check_sample(root: Path, source: DataSource, data_cache: DataCache, parts: int) -> DataStatus:
    """Hash some parts of a source and compare them with the kept listing.

    Raises `NotFound` if there is no listing with the pinned digest.
    """
    path, pinned = fetch_data(root, source, data_cache), Digest(source.digest)
    listing = data_cache.folder / f"{pinned.hex}.listing"
    if not listing.is_file():
        raise NotFound(
            f"the data {source.name!r} have no listing here: expected a folder, or a file with "
            "pieces = true, that was read before",
            hint=f"run goldenpath data {source.name}, which reads all parts and keeps a listing",
        )
    content = listing.read_bytes()
    wrong = check_parts(path, content, pinned, parts)
    lines = content.count(b"\n")
    return DataStatus(source.name, source.path, source.digest, 0, lines, not wrong, wrong)
