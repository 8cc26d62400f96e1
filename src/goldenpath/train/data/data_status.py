"""The data of a project one by one: fetched, digested, and compared with what is pinned."""

from dataclasses import dataclass
from pathlib import Path

from goldenpath.digest import Digest
from goldenpath.errors import NotFound
from goldenpath.project.data_digest import check_parts, digest_data
from goldenpath.project.digest_journal import DigestJournal
from goldenpath.project.pin import pin
from goldenpath.project.spec import DataSource
from goldenpath.train.data.depot import Depot, bring, keep_listing


@dataclass(frozen=True, slots=True)
class DataStatus:
    """One of the data, as it is now."""

    name: str
    path: str
    digest: str
    size: int
    files: int
    agrees: bool
    """Whether it is what is pinned."""
    wrong: tuple[str, ...] = ()
    """Parts that differ, where only some were looked at."""


def survey(root: Path, source: DataSource, depot: Depot, *, repin: bool = False) -> DataStatus:
    """Reads every byte; an interrupted reading goes on where it was. Pins the digest if asked.

    Raises as `bring` and `pin` do.
    """
    path = bring(root, source, depot, pinned=not repin)
    journal = DigestJournal(depot.folder, path)
    found = digest_data(path, pieces=source.pieces, journal=journal)
    keep_listing(depot.folder, found)
    journal.delete()
    if repin:
        pin(root, source.name, found.digest)
    agrees = repin or found.digest.text == source.digest
    return DataStatus(source.name, source.path, found.digest.text, found.size, found.files, agrees)


def sample(root: Path, source: DataSource, depot: Depot, parts: int) -> DataStatus:
    """Reads some parts alone and compares them with the listing that was kept.

    Raises `NotFound` if there is no listing of what is pinned.
    """
    path, pinned = bring(root, source, depot), Digest(source.digest)
    listing = depot.folder / f"{pinned.hex}.listing"
    if not listing.is_file():
        raise NotFound(
            f"the data {source.name!r} have no listing here: only folders and files with "
            "pieces = true have parts",
            hint=f"goldenpath data {source.name} reads all of them and keeps one",
        )
    content = listing.read_bytes()
    wrong = check_parts(path, content, pinned, parts)
    lines = content.count(b"\n")
    return DataStatus(source.name, source.path, source.digest, 0, lines, not wrong, wrong)
