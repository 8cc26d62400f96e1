"""What a layout lists, read again only when a file of it has changed.

A thousand releases are ten thousand manifests, and whoever verifies them all asks the index forty
thousand times. It is replaced as a whole, so that inode, size and time of the file say whether it
still is the one that was read; the notes only grow, so that only what is new of them is read.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import RLock

import msgspec

from goldenpath.canonical import JsonValue, parse_object
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.oci.stores.folder import read_regular, stream_regular
from goldenpath.parsers.typed import decode_record

REF_NAME = "org.opencontainers.image.ref.name"
Entry = dict[str, JsonValue]

MAX_NOTES = 1 << 30
"""Bytes of the largest file of notes that is read."""
_NOTE = re.compile(rb"^([0-9a-f]{64}) ([0-9a-f]{64}|-)\n", re.MULTILINE)
_State = tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class LayoutIndex:
    """The entries of `index.json` in their order; not to be changed."""

    entries: tuple[Entry, ...]
    named: Mapping[str, Entry]
    """The first of each digest and of each tag."""
    digests: frozenset[str]
    """In hex."""


class _Listed(msgspec.Struct):
    digest: str


class _Digests(msgspec.Struct):
    manifests: list[_Listed]


class Listing:
    """The index of the layout `root`, and the file of notes beside it.

    A note is a line: a manifest and its subject, both in hex.
    """

    def __init__(self, root: Path, notes: Path) -> None:
        self._root, self._file, self._notes = root, root / "index.json", notes
        self._lock = RLock()
        self._state: _State = None
        self._index = LayoutIndex((), {}, frozenset())
        self._read = 0
        self._subjects: dict[str, str] = {}
        self._referring: dict[str, set[str]] = {}

    def index(self) -> LayoutIndex:
        """What the layout lists; nothing if it is not there."""
        with self._lock:
            state = _state(self._file)
            if state != self._state:
                self._index = self._parsed()
                self._state = state
            return self._index

    def written(self, entries: Iterable[Entry]) -> None:
        """Takes note of what was written just now, by who holds the lock of the layout."""
        with self._lock:
            self._index, self._state = _index(entries), _state(self._file)

    def subject(self, manifest: str) -> str | None:
        """What a manifest was noted to refer to, `-` for nothing; None if it was not noted."""
        with self._lock:
            self._learn()
            return self._subjects.get(manifest)

    def referring(self, subject: str) -> Collection[str]:
        """Manifests that were noted to refer to `subject`, in hex."""
        with self._lock:
            self._learn()
            return tuple(self._referring.get(subject, ()))

    def references(self) -> Mapping[str, Collection[str]]:
        """Manifests by what they were noted to refer to, all in hex."""
        with self._lock:
            self._learn()
            return {of: tuple(those) for of, those in self._referring.items()}

    def state(self) -> str:
        """A text that changes whenever a blob comes or goes, or anything is listed or noted."""
        places = (self._file, self._notes, self._root / "blobs" / "sha256")
        return " ".join(str(_state(each)) for each in places)

    def foreign(self, listed: frozenset[str]) -> frozenset[str]:
        """Those that nobody noted: another tool put them here, and they may refer to anything."""
        with self._lock:
            self._learn()
            return listed.difference(self._subjects)

    def digests(self) -> frozenset[str]:
        """What the index lists, in hex: sooner known than all of its entries."""
        content = read_regular(self._file)
        found = decode_record(content or b'{"manifests":[]}', _Digests, str(self._file))
        return frozenset(each.digest[7:] for each in found.manifests)

    def _learn(self) -> None:
        """Takes in what was added to the notes; what a killed writer left unfinished waits."""
        size = (_state(self._notes) or (0, 0))[1]
        if size > MAX_NOTES:
            raise VerificationError(
                f"{self._notes} is too large: expected at most {MAX_NOTES} bytes"
            )
        if size <= self._read:
            return
        new = b"".join(stream_regular(self._notes, self._read))
        whole = new[: new.rfind(b"\n") + 1]
        for manifest, of in _NOTE.findall(whole):
            self._subjects[manifest.decode()] = of.decode()
            self._referring.setdefault(of.decode(), set()).add(manifest.decode())
        self._read += len(whole)

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


def tag_of(entry: Entry) -> str | None:
    """The tag of an entry."""
    annotations = entry.get("annotations")
    name = annotations.get(REF_NAME) if isinstance(annotations, dict) else None
    return name if isinstance(name, str) else None


def _state(file: Path) -> _State:
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
