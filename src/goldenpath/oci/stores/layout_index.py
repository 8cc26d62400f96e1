"""Caches the index of a layout, and reads it again only when a file has changed.

A thousand releases have ten thousand manifests, and verifying them all reads the index forty
thousand times. The index is always replaced by a new file, so inode, size and time show whether it
changed. The file of notes only grows, so only its new part is read.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import RLock

import msgspec

from goldenpath.canonical import MAX_DOCUMENT, parse_object
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.oci.index_entry import Entry, tag_of
from goldenpath.oci.stores.folder import read_regular, stream_regular
from goldenpath.parsers.typed import decode_record

NEARLY_FULL = MAX_DOCUMENT * 8 // 10
"""Bytes of `index.json` from which each write warns."""
MAX_NOTES = 1 << 30
"""Bytes of the largest file of notes that is accepted."""
_NOTE = re.compile(rb"^([0-9a-f]{64}) ([0-9a-f]{64}|-)\n", re.MULTILINE)
_COMPARED = 130
"""Bytes of the notes that are compared, one line of them."""
_State = tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class LayoutIndex:
    """The entries of `index.json` in their order. Callers must not change them."""

    entries: tuple[Entry, ...]
    named: Mapping[str, Entry]
    """The first entry of each digest and of each tag, by that name."""
    digests: frozenset[str]
    """In hex."""


class _Listed(msgspec.Struct):
    digest: str


class _Digests(msgspec.Struct):
    manifests: list[_Listed]


class Listing:
    """The index of the layout `root`, and the file of notes beside it.

    A note is a line with a manifest and its subject, both as hex digests; `-` means no subject.
    """

    def __init__(self, root: Path, notes: Path) -> None:
        self._root, self._file, self._notes = root, root / "index.json", notes
        self._lock = RLock()
        self._state: _State = None
        self._index = LayoutIndex((), {}, frozenset())
        self._inode = self._read = 0
        self._last = b""
        self._subjects: dict[str, str] = {}
        self._referring: dict[str, set[str]] = {}

    def index(self) -> LayoutIndex:
        """Return the current index; empty if there is no layout."""
        with self._lock:
            state = _state(self._file)
            if state != self._state:
                self._index = self._parsed()
                self._state = state
            return self._index

    def remember(self, entries: Iterable[Entry]) -> None:
        """Replace the cached index after a write. The caller holds the lock of the layout."""
        with self._lock:
            self._index, self._state = _index(entries), _state(self._file)

    def subject(self, manifest: str) -> str | None:
        """Return the noted subject of a manifest: `-` if it has none, None if there is no note."""
        with self._lock:
            self._read_notes()
            return self._subjects.get(manifest)

    def referring(self, subject: str) -> Collection[str]:
        """Return the manifests that are noted to refer to `subject`, in hex."""
        with self._lock:
            self._read_notes()
            return tuple(self._referring.get(subject, ()))

    def references(self) -> Mapping[str, Collection[str]]:
        """Return the noted manifests by their subject, all in hex."""
        with self._lock:
            self._read_notes()
            return {subject: tuple(those) for subject, those in self._referring.items()}

    def state(self) -> str:
        """Return a text that changes whenever a blob, the index or the notes change."""
        paths = (self._file, self._notes, self._root / "blobs" / "sha256")
        return " ".join(str(_state(path)) for path in paths)

    def foreign(self, listed: frozenset[str]) -> frozenset[str]:
        """Return the manifests without a note: another tool wrote them, with any subject."""
        with self._lock:
            self._read_notes()
            return listed.difference(self._subjects)

    def digests(self) -> frozenset[str]:
        """Return the listed digests in hex. Faster than `index`, which parses whole entries."""
        content = read_regular(self._file)
        index = decode_record(content or b'{"manifests":[]}', _Digests, str(self._file))
        return frozenset(each.digest[7:] for each in index.manifests)

    def _read_notes(self) -> None:
        """Read the lines that were added to the notes; an incomplete last line is read later.

        A prune replaces the file, which is then read from its beginning. Its inode may be that of
        an earlier one, so the line before the new ones is compared too.
        """
        inode, size = (_state(self._notes) or (0, 0))[:2]
        if size > MAX_NOTES:
            raise VerificationError(
                f"{self._notes} is too large: expected at most {MAX_NOTES} bytes"
            )
        if inode != self._inode or size < self._read:
            self._forget_notes(inode)
        if size == self._read:
            return
        start = self._read - len(self._last)
        new = b"".join(stream_regular(self._notes, start))
        if not new.startswith(self._last):
            self._forget_notes(inode)
            start, new = 0, b"".join(stream_regular(self._notes))
        whole = new[: new.rfind(b"\n") + 1]
        for manifest, subject in _NOTE.findall(whole):
            self._subjects[manifest.decode()] = subject.decode()
            self._referring.setdefault(subject.decode(), set()).add(manifest.decode())
        self._read = start + len(whole)
        self._last = whole[-_COMPARED:]

    def _forget_notes(self, inode: int) -> None:
        self._inode, self._read, self._last = inode, 0, b""
        self._subjects, self._referring = {}, {}

    def _parsed(self) -> LayoutIndex:
        content = read_regular(self._file)
        if content is None:
            return LayoutIndex((), {}, frozenset())
        entries = parse_object(content, f"{self._file}").get("manifests")
        if not isinstance(entries, list):
            raise InvalidInput(f"{self._file} needs a list of manifests")
        return _index(entry for entry in entries if isinstance(entry, dict))


def _index(entries: Iterable[Entry]) -> LayoutIndex:
    kept = tuple(entries)
    named: dict[str, Entry] = {}
    for entry in kept:
        for name in (entry.get("digest"), tag_of(entry)):
            if isinstance(name, str):
                named.setdefault(name, entry)
    return LayoutIndex(kept, named, frozenset(str(entry.get("digest"))[7:] for entry in kept))


def _state(file: Path) -> _State:
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def nearly_full(root: Path, size: int | None = None) -> str:
    """Return a warning if the index of a layout, of `size` bytes, is nearly full; else nothing."""
    if size is None:
        size = (_state(root / "index.json") or (0, 0))[1]
    if size < NEARLY_FULL:
        return ""
    return (
        f"the registry {root} is {100 * size // MAX_DOCUMENT} percent full: its index.json has "
        f"{size} of {MAX_DOCUMENT} bytes; goldenpath registry prune shows what can go"
    )
