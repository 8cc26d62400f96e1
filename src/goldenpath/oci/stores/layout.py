"""A store in a folder, in the OCI image layout that other tools read and write too.

`index.json` lists every manifest without a subject, tagged or not. What refers to a manifest is in
an index of its own, which `index.json` lists under the tag `sha256-HEX` of the subject
(distribution specification, "Referrers tag schema"). So `index.json` grows with releases, and not
with statements about them. Layouts of 0.1 list referrers in `index.json`; they move into the index
of their subject with the next statement about it.

Beside the files of the specification, the folder `goldenpath` holds a lock, partial files, and the
file `subjects`. That file has one line for each manifest with its subject, so that referrers are
found without opening every manifest.

A push first adds that line, then stores the content, then lists the manifest. If the writer is
killed in between, a second push completes it, and no reader sees missing content. Pushes that
belong together, such as a release with its statements, are listed by one write of `index.json`.

`goldenpath registry prune` removes content that no manifest needs (`goldenpath.oci.upkeep`). It
leaves what is younger than a day, so a push that finds its content present makes it young again.
"""

import os
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from goldenpath.canonical import MAX_DOCUMENT
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound, VerificationError
from goldenpath.oci.descriptor import IMAGE_INDEX, MANIFEST_TYPES, Descriptor
from goldenpath.oci.index_edit import IndexEdit
from goldenpath.oci.index_entry import (
    Entry,
    as_digest,
    as_plain,
    listed,
    tag_of,
    untagged,
    with_tag,
)
from goldenpath.oci.manifest import (
    MAX_MANIFEST,
    Index,
    Manifest,
    as_referrer,
    document_type,
    parse_manifest,
)
from goldenpath.oci.referrer_tag import FALLBACK_TAG, fallback_tag
from goldenpath.oci.stores.folder import Folder, read_regular, stream_regular
from goldenpath.oci.stores.layout_index import Listing, nearly_full
from goldenpath.oci.stream import Meter, verified

LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
RESUMABLE = 16 * 1024 * 1024
"""Bytes of the smallest blob that is resumed after its writer was killed."""
_SUBJECTS = "subjects"
_MOST_LISTS = 256
"""Indexes of referrers that are remembered."""
_YOUNG = 3600.0
"""Seconds for which content counts as just stored, so that its time need not be written again."""


class _Together(threading.local):
    """The edit that the pushes of this thread collect; None outside of `together`."""

    edit: IndexEdit | None = None


class LayoutStore:
    """Implements `Store` in the folder `root`, which the first write creates.

    Threads and processes may write at the same time. Readers take no lock and need no write
    permission.
    """

    def __init__(self, root: Path, warn: Callable[[str], None] = lambda message: None) -> None:
        """`warn` is told with the first write that leaves the index nearly full."""
        self.root = root
        """Its folder."""
        self._warn: Callable[[str], None] | None = warn
        self._together = _Together()
        self._folder = Folder(root)
        self._listing = Listing(root, self._folder.own(_SUBJECTS))
        self._lists: dict[Digest, Mapping[Digest, Descriptor]] = {}

    def fetch(self, descriptor: Descriptor) -> Iterator[bytes]:
        """See `Store.fetch`."""
        path = self._blob(descriptor.digest)
        return verified(descriptor, stream_regular(path), lambda start: stream_regular(path, start))

    def push(self, descriptor: Descriptor, chunks: Iterable[bytes]) -> None:
        """See `Store.push`."""
        self._prepare()
        if descriptor.media_type not in MANIFEST_TYPES:
            if self._holds_young(descriptor):
                self._folder.sync_later(self._blob(descriptor.digest))
            else:
                # The manifest that names this blob is written after it and synced together with it.
                content = verified(descriptor, chunks)
                if content.is_repeatable and descriptor.size >= RESUMABLE:
                    self._folder.resume(self._blob(descriptor.digest), content)
                else:
                    self._folder.write(self._blob(descriptor.digest), content, sync_later=True)
            return
        if descriptor.size > MAX_MANIFEST:
            raise InvalidInput(f"manifest {descriptor.digest} is larger than {MAX_MANIFEST} bytes")
        document = b"".join(verified(descriptor, chunks))
        manifest = parse_manifest(descriptor.media_type, document)
        # The subject is noted before the manifest exists: a note without a manifest is harmless, a
        # manifest without a note would not be found again.
        self._note_subject(descriptor.digest, manifest)
        if not self._holds_young(descriptor):
            self._folder.write(self._blob(descriptor.digest), [document])
        subject = None if manifest.subject is None else manifest.subject.digest
        with self.together() as edit:
            edit.add(as_referrer(descriptor, manifest), subject)

    @contextmanager
    def together(self) -> Iterator[IndexEdit]:
        """List all that this thread pushes and tags in the block by one write of `index.json`.

        If the block raises, nothing of it is listed; the next push of the same continues it.
        """
        if self._together.edit is not None:
            yield self._together.edit
            return
        edit = self._together.edit = IndexEdit()
        try:
            yield edit
        finally:
            self._together.edit = None
        self._write_index(edit)

    def add(self, media_type: str, chunks: Iterable[bytes]) -> Descriptor:
        """See `Store.add`."""
        self._prepare()
        meter = Meter()

        def path() -> Path:
            return self._blob(meter.digest)

        self._folder.write(path, meter.through(chunks), sync_later=True)
        return Descriptor(media_type, meter.digest, meter.size)

    def exists(self, descriptor: Descriptor) -> bool:
        """See `Store.exists`. A manifest exists only if an index lists it too."""
        if not self._holds_young(descriptor):
            return False
        if descriptor.media_type not in MANIFEST_TYPES:
            self._folder.sync_later(self._blob(descriptor.digest))
            return True
        edit = self._together.edit
        if edit is not None and edit.lists(descriptor.digest):
            return True
        # Other tools find a manifest by the index alone.
        index = self._listing.index()
        if descriptor.digest.hex in index.digests:
            return True
        subject = self._listing.subject(descriptor.digest.hex)
        entry = index.named.get(f"sha256-{subject}")
        return entry is not None and descriptor.digest in self._referrers_in(entry)

    def resolve(self, name: str) -> Descriptor:
        """See `Store.resolve`."""
        edit = self._together.edit
        if edit is not None and name in edit.tags:
            return edit.tags[name]
        entry = self._listing.index().named.get(name)
        if entry is not None:
            found = Descriptor.from_json(entry, "entry of index.json")
            return Descriptor(found.media_type, found.digest, found.size)
        if not name.startswith("sha256:"):
            raise NotFound(f"tag {name!r} is not in the store {self.root}")
        return self._resolve_blob(Digest(name))

    def tag(self, name: str, descriptor: Descriptor) -> None:
        """See `Store.tag`."""
        if not name or len(name) > 255 or not name.isprintable() or name.startswith("sha256:"):
            raise InvalidInput(f"tag {name[:200]!r} is not valid")
        if not self._holds(descriptor):
            raise NotFound(f"manifest {descriptor.digest} is not in the store {self.root}")
        with self.together() as edit:
            edit.tags[name] = descriptor

    def tags(self) -> tuple[str, ...]:
        """See `Store.tags`."""
        tags = {tag for tag in map(tag_of, self._listing.index().entries) if tag}
        return tuple(sorted(tag for tag in tags if not FALLBACK_TAG.fullmatch(tag)))

    def referrers(
        self, subject: Digest, artifact_type: str | None = None
    ) -> tuple[Descriptor, ...]:
        """See `Store.referrers`."""
        referring: dict[Digest, Descriptor] = {}
        for digest in self._candidates(subject):
            read = self._read_manifest(digest)
            if read is None:
                continue
            descriptor, manifest = read
            if manifest.subject is not None and manifest.subject.digest == subject:
                referring[digest] = as_referrer(descriptor, manifest)
        ordered = (referring[digest] for digest in sorted(referring))
        return tuple(d for d in ordered if artifact_type in (None, d.artifact_type))

    def state(self) -> str:
        """Return a text that changes whenever a blob, the index or the file `subjects` changes."""
        return self._listing.state()

    def referrer_states(self, images: Collection[str]) -> Mapping[str, str]:
        """Return, for each stored digest of `images`, a text that changes with its referrers.

        Reads the index once for all of them; `referrers` would read it once for each.
        """
        present, referring = self._listing.digests(), self._listing.references()
        blobs = self.root / "blobs" / "sha256"
        stored = frozenset(each.name for each in blobs.iterdir()) if blobs.is_dir() else frozenset()
        # Manifests of other tools may refer to any image, so they are part of every state.
        foreign = " ".join(sorted(self._listing.foreign(present)))
        prefix, known = Digest.of(foreign.encode()).hex, present & stored

        def state(image: str) -> str:
            manifests = sorted(stored.intersection(referring.get(image, ())))
            return Digest.of(" ".join((prefix, *manifests)).encode()).hex

        return {each: state(each[7:]) for each in images if each[7:] in known}

    def _with_referrers(
        self, entries: Sequence[Entry], subject: Digest, added: Mapping[Digest, Descriptor]
    ) -> Sequence[Entry]:
        """Return the entries with `added` in the index of their subject, which is written.

        With them go the referrers that `index.json` itself lists.
        """
        tag = fallback_tag(subject)
        present = next((entry for entry in entries if tag_of(entry) == tag), None)
        known = {} if present is None else self._referrers_in(present)
        noted = {f"sha256:{each}" for each in self._listing.referring(subject.hex)}
        plain = (as_plain(entry) for entry in entries if entry.get("digest") in noted)
        moved = {each.digest: each for each in plain if each is not None}
        is_whole = as_digest(present or {}) in self._lists  # since it was read
        if added.keys() <= known.keys() and not moved and is_whole:
            return entries
        together = {**moved, **known, **added}
        content = Index(tuple(together[each] for each in sorted(together))).render()
        if len(content) > MAX_MANIFEST:
            for descriptor in added.values():
                entries = listed(entries, descriptor)
            return entries
        digest = Digest.of(content)
        # Noted as one without a subject, so that nobody takes it for a manifest of another tool.
        if self._listing.subject(digest.hex) is None:
            self._folder.append_line_held(_SUBJECTS, f"{digest.hex} -")
        self._folder.write(self._blob(digest), [content])
        kept = [e for e in entries if e is not present and as_digest(e) not in moved]
        if present is not None and self._is_other(as_digest(present)):
            kept.append(untagged(present))  # what took the tag stays listed
        return (*kept, with_tag(Descriptor(IMAGE_INDEX, digest, len(content)).to_json(), tag))

    def _referrers_in(self, entry: Entry) -> Mapping[Digest, Descriptor]:
        """Return what an index of referrers lists, by digest; if it is damaged, what is noted."""
        digest = as_digest(entry)
        if digest is None:
            return {}
        if digest not in self._lists:
            read = self._read_list(digest)
            if read is None:
                return self._noted(Digest(f"sha256:{(tag_of(entry) or '')[7:]}"))
            if len(self._lists) >= _MOST_LISTS:
                self._lists.clear()
            self._lists[digest] = {each.digest: each for each in read}
        return self._lists[digest]

    def _is_other(self, digest: Digest | None) -> bool:
        """Whether it is a manifest that can be read, and no list of referrers."""
        if digest is None or digest in self._lists:
            return False
        try:
            return self._read_manifest(digest) is not None
        except (InvalidInput, VerificationError):
            return False

    def _read_list(self, digest: Digest) -> tuple[Descriptor, ...] | None:
        """Return what an index lists; None for what is damaged, gone, or no index at all.

        Whoever may write to the store may give the tag to anything.
        """
        try:
            content = read_regular(self._blob(digest), MAX_MANIFEST)
            if content is None or Digest.of(content) != digest:
                return None
            return Index.parse(content).manifests
        except (InvalidInput, VerificationError):
            return None

    def _noted(self, subject: Digest) -> Mapping[Digest, Descriptor]:
        digests = (Digest(f"sha256:{each}") for each in self._listing.referring(subject.hex))
        found = filter(None, map(self._read_manifest, digests))
        return {each.digest: as_referrer(each, manifest) for each, manifest in found}

    def _blob(self, digest: Digest) -> Path:
        return self.root / "blobs" / "sha256" / digest.hex

    def _holds(self, descriptor: Descriptor) -> bool:
        # A blob that a crash of the machine cut short has the wrong size and is written again.
        try:
            return self._blob(descriptor.digest).stat().st_size == descriptor.size
        except FileNotFoundError:
            return False

    def _holds_young(self, descriptor: Descriptor) -> bool:
        """Whether the content is here; then it counts as just stored, and no prune removes it."""
        path = self._blob(descriptor.digest)
        with suppress(OSError):  # it is absent, or the folder may only be read
            if time.time() - path.stat().st_mtime > _YOUNG:
                os.utime(path)
        return self._holds(descriptor)

    def _prepare(self) -> None:
        index = self.root / "index.json"
        # Asked without the lock, because nearly every call finds the layout there.
        if index.is_file():
            return
        self._folder.create((self.root / "blobs" / "sha256",))
        with self._folder.locked():
            if not index.is_file():
                self._folder.write(self.root / "oci-layout", [LAYOUT])
                self._folder.write(index, [Index(()).render()])

    def _write_index(self, edit: IndexEdit) -> None:
        with self._folder.locked():
            before = self._listing.index().entries
            after = edit.in_index(before)
            for subject, added in edit.referrers.items():
                for each in added:
                    self._note_held(each, subject.hex)
                after = self._with_referrers(after, subject, added)
            after = edit.with_tags(after)
            # Writing the same index again would make every reader read it again.
            if after == before:
                return
            document = {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": after}
            content = msgspec.json.encode(document, order="sorted")
            if len(content) > MAX_DOCUMENT:  # our own reader would refuse it
                raise InvalidInput(
                    f"the layout {self.root} is full: expected at most {MAX_DOCUMENT} bytes of "
                    f"index.json, got {len(content)}",
                    hint="goldenpath registry prune removes what nobody needs any more; or keep "
                    "releases in a registry, or in several layouts",
                )
            self._folder.write(self.root / "index.json", [content])
            self._listing.remember(after)
        warning = nearly_full(self.root, len(content))
        if warning and self._warn is not None:
            self._warn(warning)
            self._warn = None  # once for each store

    def _note_subject(self, digest: Digest, manifest: Manifest | Index) -> None:
        subject = manifest.subject.digest.hex if manifest.subject else "-"
        if self._listing.subject(digest.hex) != subject:
            self._folder.append_line(_SUBJECTS, f"{digest.hex} {subject}")

    def _note_held(self, digest: Digest, subject: str) -> None:
        """Note the subject again if a prune dropped the note before the manifest was stored."""
        if self._listing.subject(digest.hex) != subject:
            self._folder.append_line_held(_SUBJECTS, f"{digest.hex} {subject}")

    def _candidates(self, subject: Digest) -> set[Digest]:
        """Return the manifests that may refer to `subject`: noted, listed, or of other tools."""
        index = self._listing.index()
        foreign = self._listing.foreign(index.digests)
        noted = self._listing.referring(subject.hex)
        entry = index.named.get(fallback_tag(subject))
        present = {} if entry is None else self._referrers_in(entry)
        return {*(Digest("sha256:" + each) for each in (*noted, *foreign)), *present}

    def _read_manifest(self, digest: Digest) -> tuple[Descriptor, Manifest | Index] | None:
        content = read_regular(self._blob(digest), MAX_MANIFEST)
        if content is None:
            return None
        if Digest.of(content) != digest:
            raise VerificationError(
                f"manifest in {self.root} has the wrong digest: "
                f"expected {digest}, got {Digest.of(content)}"
            )
        media_type = document_type(content)
        if media_type not in MANIFEST_TYPES:
            return None
        return Descriptor(media_type, digest, len(content)), parse_manifest(media_type, content)

    def _resolve_blob(self, digest: Digest) -> Descriptor:
        read = self._read_manifest(digest)
        if read is None:
            raise NotFound(f"manifest {digest} is not in the store {self.root}")
        return read[0]
