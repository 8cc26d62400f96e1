"""Which content each manifest of a layout needs, so that what nobody needs can be removed.

A root is a manifest that stands for itself: a release, or an image of another tool. Below it are
its blobs, the manifests that it lists, and everything that refers to one of these, at any depth.
One manifest that cannot be read ends the census: then nobody knows what it needs.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError, VerificationError
from goldenpath.oci.copy import LEGACY_SUFFIXES, legacy_tag
from goldenpath.oci.index_entry import Entry, as_digest, tag_of
from goldenpath.oci.manifest import MAX_MANIFEST, Index, Manifest, document_type, parse_manifest
from goldenpath.oci.referrer_tag import fallback_tag
from goldenpath.oci.stores.folder import Folder, read_regular
from goldenpath.oci.stores.layout_index import Listing

NOTES = "subjects"
"""The file in goldenpath's own folder with the subject of each manifest."""
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class LayoutRoot:
    """A manifest that stands for itself, and what stays because of it. Digests are in hex."""

    digest: Digest
    names: tuple[str, ...]
    """Its tags."""
    manifest: Manifest | Index
    is_noted: bool
    """Whether goldenpath wrote it; else another tool did."""
    manifests: frozenset[str]
    """Itself, and all manifests below it."""
    content: frozenset[str]
    """All files that it needs, with the manifests."""
    stored_at: float
    """When the newest of its manifests was stored, or last found present by a push."""


@dataclass(frozen=True, slots=True)
class LayoutCensus:
    """All roots of a layout, its files by digest in hex with their sizes, and its index."""

    roots: tuple[LayoutRoot, ...]
    sizes: Mapping[str, int]
    entries: tuple[Entry, ...]


def take_census(root: Path) -> LayoutCensus:
    """Read every manifest of the layout once. Raises `VerificationError` for one that is damaged.

    Whoever removes something by it holds the lock of the layout.
    """
    return _Reading(root).census()


class _Reading:
    def __init__(self, root: Path) -> None:
        self._blobs = root / "blobs" / "sha256"
        self._listing = Listing(root, Folder(root).own(NOTES))
        self._entries = self._listing.index().entries
        self._parsed: dict[str, Manifest | Index | None] = {}
        self._named: dict[str, list[str]] = defaultdict(list)
        """The digests under each tag; a tag of a list or signature may be taken more than once."""
        self._listed: dict[str, list[str]] = defaultdict(list)
        """The tags of each listed digest."""
        for entry in self._entries:
            digest, tag = as_digest(entry), tag_of(entry)
            if digest is not None:
                self._listed[digest.hex] += [tag] if tag else []
                self._named[tag or ""].append(digest.hex)
        self._referring = self._references()

    def census(self) -> LayoutCensus:
        files = sorted(self._blobs.iterdir()) if self._blobs.is_dir() else []
        sizes = {path.name: path.stat().st_size for path in files if _HEX.fullmatch(path.name)}
        return LayoutCensus(tuple(self._roots()), sizes, self._entries)

    def _references(self) -> Mapping[str, set[str]]:
        """Return what refers to each manifest: by the notes, and by manifests of other tools."""
        referring = defaultdict(set, {k: set(v) for k, v in self._listing.references().items()})
        referring.pop("-", None)
        for each in self._listing.foreign(frozenset(self._listed)):
            manifest = self._manifest(each)
            if manifest is not None and manifest.subject is not None:
                referring[manifest.subject.digest.hex].add(each)
        return referring

    def _roots(self) -> Iterator[LayoutRoot]:
        belonging = {each for stored in self._stored() for each in self._about(stored)}
        reached = set[str]()
        # Last come those that belong to something: what no root reaches stands for itself.
        for name in sorted(self._listed, key=lambda each: each in belonging):
            manifest = self._manifest(name)
            if manifest is None or (name in belonging and name in reached):
                continue
            root = self._root(name, manifest)
            reached |= root.manifests
            yield root

    def _root(self, name: str, manifest: Manifest | Index) -> LayoutRoot:
        manifests, content = self._tree(name)
        return LayoutRoot(
            Digest(f"sha256:{name}"),
            tuple(sorted(self._listed[name])),
            manifest,
            self._listing.subject(name) is not None,
            manifests,
            content,
            max((self._blobs / each).stat().st_mtime for each in manifests),
        )

    def _stored(self) -> list[str]:
        """Return the manifests that something may be about."""
        about = {*self._listed, *self._referring}
        return [each for each in about if self._manifest(each) is not None]

    def _about(self, name: str) -> Iterator[str]:
        """Yield what refers to a manifest, its list of referrers, and its older signatures."""
        yield from self._referring.get(name, ())
        digest = Digest(f"sha256:{name}")
        for tag in (fallback_tag(digest), *(legacy_tag(digest, each) for each in LEGACY_SUFFIXES)):
            # What took the tag and has another one too stands for itself.
            yield from (each for each in self._named.get(tag, ()) if self._listed[each] == [tag])

    def _tree(self, name: str) -> tuple[frozenset[str], frozenset[str]]:
        manifests, content, waiting = set[str](), set[str](), [name]
        while waiting:
            each = waiting.pop()
            manifest = None if each in manifests else self._manifest(each)
            if manifest is None:
                continue
            manifests.add(each)
            if isinstance(manifest, Index):
                waiting += [child.digest.hex for child in manifest.manifests]
            else:
                content |= {blob.digest.hex for blob in (manifest.config, *manifest.layers)}
            waiting += self._about(each)
        return frozenset(manifests), frozenset(content | manifests)

    def _manifest(self, name: str) -> Manifest | Index | None:
        """Return a manifest; None if there is none. Raises `VerificationError` if damaged."""
        if name not in self._parsed:
            self._parsed[name] = self._read(name)
        return self._parsed[name]

    def _read(self, name: str) -> Manifest | Index | None:
        path = self._blobs / name
        try:
            content = read_regular(path, MAX_MANIFEST)
            if content is None:
                return None
            if Digest.of(content).hex != name:
                raise VerificationError(f"got {Digest.of(content)}")
            return parse_manifest(document_type(content), content)
        except GoldenPathError as error:
            raise VerificationError(
                f"manifest {path} cannot be read, so nothing is removed: {error.message}",
                hint="goldenpath verify shows what is damaged; push that release again",
            ) from error
