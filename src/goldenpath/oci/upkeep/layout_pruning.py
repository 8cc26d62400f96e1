"""Removes manifests from a layout, and the content that no other manifest needs.

The index loses the manifests first, by one write; then the notes and the files follow. Whoever is
killed in between leaves files that nobody needs, which the next run removes. The lock of the layout
is held from the census on, so that no manifest is listed meanwhile.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from goldenpath.digest import Digest
from goldenpath.oci.descriptor import IMAGE_INDEX
from goldenpath.oci.index_entry import Entry, as_digest, as_plain
from goldenpath.oci.stores.folder import Folder, stream_regular
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.oci.stores.layout_index import Listing
from goldenpath.oci.upkeep.layout_census import NOTES, LayoutCensus, LayoutRoot, take_census

GRACE = 24 * 3600.0
"""Seconds for which content stays that no manifest needs: somebody may be about to push one."""


@dataclass(frozen=True, slots=True)
class Unneeded:
    """What a prune removes: files that only these roots need, or none at all."""

    roots: tuple[LayoutRoot, ...]
    files: tuple[str, ...]
    size: int
    """Bytes of the files."""


def unneeded(census: LayoutCensus, going: Collection[Digest]) -> Unneeded:
    """Return what nobody needs once the roots `going` are gone."""
    needed: set[str] = set()
    for each in census.roots:
        if each.digest not in going:
            needed |= each.content
    files = tuple(name for name in census.sizes if name not in needed)
    roots = tuple(each for each in census.roots if each.digest in going)
    return Unneeded(roots, files, sum(census.sizes[name] for name in files))


def prune(root: Path, decided: Mapping[Digest, frozenset[str]], now: float) -> Unneeded:
    """Remove the roots that were decided on, and return what is gone.

    `decided` has the manifests that each of them had then; one with more of them now stays. `now`
    is in seconds since 1970. Running it again continues what a killed one began.
    """
    folder, old = Folder(root), now - GRACE
    with folder.locked():
        census = take_census(root)
        going = {
            each.digest
            for each in census.roots
            if each.manifests <= decided.get(each.digest, frozenset()) and each.stored_at < old
        }
        plan = unneeded(census, going)
        _unlist(root, folder, census, frozenset(plan.files))
        removed, size = [], 0
        for name in plan.files:
            if folder.remove_older(root / "blobs" / "sha256" / name, old):
                removed.append(name)
                size += census.sizes[name]
        _shorten_notes(root, folder, frozenset(removed))
    return Unneeded(plan.roots, tuple(removed), size)


def _unlist(root: Path, folder: Folder, census: LayoutCensus, files: frozenset[str]) -> None:
    """Write the index without the manifests that go; what is listed and absent stays listed."""
    kept = tuple(entry for entry in census.entries if not _is_among(entry, files))
    if len(kept) < len(census.entries):
        document = {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": kept}
        folder.write(root / "index.json", [msgspec.json.encode(document, order="sorted")])


def _is_among(entry: Entry, files: frozenset[str]) -> bool:
    digest = as_digest(entry)
    return digest is not None and digest.hex in files


def _shorten_notes(root: Path, folder: Folder, removed: frozenset[str]) -> None:
    """Write the notes without those of removed manifests, and each other one once."""
    path = folder.own(NOTES)
    if not path.is_file():
        return
    lines = b"".join(stream_regular(path)).splitlines(keepends=True)
    # A killed writer may have left half a line; the next one ends it, so it is kept.
    kept = [
        line for line in dict.fromkeys(lines) if line[:64].decode("ascii", "replace") not in removed
    ]
    if len(kept) < len(lines):
        folder.write(path, kept)


def move_listed(root: Path) -> None:
    """Move the referrers that versions of 0.1 listed in `index.json` into lists by subject."""
    store, listing = LayoutStore(root), Listing(root, Folder(root).own(NOTES))
    with store.together() as edit:
        for entry in listing.index().entries:
            descriptor = as_plain(entry)
            subject = None if descriptor is None else listing.subject(descriptor.digest.hex)
            if descriptor is not None and subject not in (None, "-"):
                edit.add(descriptor, Digest(f"sha256:{subject}"))
