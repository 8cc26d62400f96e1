"""Writes the heads of this machine's logs to the branch `anchors`, signed by its witness key."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from goldenpath.audit.anchors.anchor_record import (
    MAX_SEEN,
    MAX_SEGMENTS,
    AnchoredSegment,
    AnchorRecord,
    events_origin,
    key_path,
    record_path,
    render_record,
    stamp_path,
)
from goldenpath.audit.anchors.anchors_branch import AnchorsRead, read_anchors
from goldenpath.audit.anchors.segment_trees import (
    CheckpointFiles,
    SegmentTrees,
    checkpoint_files,
)
from goldenpath.audit.events.chain import START, Head
from goldenpath.audit.events.event_tail import lines_after
from goldenpath.audit.tiles.signed_note import signed_note
from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError, NotFound, Unavailable
from goldenpath.home import Home
from goldenpath.merkle_tree import GrowingTree
from goldenpath.observe.log.log_reader import log_public_key
from goldenpath.promote.platform.platform import Platform
from goldenpath.promote.repository.address import MovedOn
from goldenpath.promote.repository.first_seen import FirstSeen
from goldenpath.promote.repository.worktree import Repository
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures.p256 import to_pem
from goldenpath.release.attest.signatures.ssh_public_key import is_same_key
from goldenpath.release.attest.signatures.sshsig import SshKey

_TRIES = 5


@dataclass(slots=True)
class _EventTree:
    """The tree over the audit log, which is read further each time."""

    tree: GrowingTree = field(default_factory=GrowingTree)
    position: tuple[str, int] = ("", 0)
    last: str = START.digest

    def advance(self, folder: Path) -> None:
        for line, position in lines_after(folder, self.position):
            self.position = position
            self.tree.add(line)
            self.last = Digest.of(line).text


@dataclass(slots=True)
class _Branch:
    """What the branch `anchors` held when it was last read or written."""

    head: str | None
    published: set[str]
    """Commits of which a witness has signed when they were seen."""
    has_key: bool
    """Whether it lists a key of the prediction log of this machine."""
    segments: dict[tuple[str, str, str], AnchoredSegment]
    """The newest segment that it holds of each replica of this machine."""

    @classmethod
    def of(cls, read: AnchorsRead, machine: str) -> "_Branch":
        return cls(
            read.head,
            set(read.seen()),
            bool((read.log_keys or {}).get(machine)),
            dict(read.newest(machine)),
        )


class WitnessWriter:
    """Anchors the logs of one home. It is used by one thread at a time."""

    def __init__(
        self,
        home: Home,
        repository: Repository,
        key: SshKey,
        stamp: Callable[[bytes], bytes | None] = lambda content: None,
        *,
        copied: Callable[[], CheckpointFiles] | None = None,
    ) -> None:
        """`repository` is the branch `anchors`.

        `stamp` returns the time stamp of a record; None if there is none. With `copied` it anchors
        those checkpoints instead of the home's, and writes nothing that the branch has already: a
        job remembers nothing between two runs.
        """
        self._stamp = stamp
        self._home = home
        self._repository = repository
        self._key = key
        self._copied = copied
        self._events = _EventTree()
        self._segments = SegmentTrees()
        self._branch: _Branch | None = None
        self._before: Head | None = None
        """The head of the audit log in the last record of this writer."""

    def anchor(self, platform: Platform, main: str, now: datetime) -> str:
        """Commit the heads of both logs, and return the last commit; empty if nothing is new.

        More replicas than one record takes need several commits. Raises `NotFound` if
        `platform.toml` does not list the key as a witness.
        """
        witness = self._witness(platform)
        self._events.advance(self._home.events)
        files = self._copied() if self._copied else checkpoint_files(self._home.predictions)
        segments = self._segments.advance(files)
        commit = ""
        tries = _TRIES
        while tries:
            if self._branch is None:
                read = read_anchors(self._repository, platform.witnesses)
                self._branch = _Branch.of(read, witness.name)
            record = self._record(self._branch, segments, main, now)
            is_known = self._before == record.head or (self._copied and not record.seen)
            if is_known and not record.segments:
                return commit
            try:
                commit = self._commit(witness, self._branch, record, now)
            except MovedOn:
                self._branch = None  # another witness was faster: read it again
                tries -= 1
        raise Unavailable("the branch anchors moved on each time that heads were written to it")

    def _witness(self, platform: Platform) -> Person:
        for person in platform.witnesses:
            if is_same_key(person.ssh_key, self._key.public_line):
                return person
        raise NotFound(
            "platform.toml does not list the witness key of this machine: nobody holds the heads "
            "of its logs",
            hint="list it: goldenpath key witness NAME",
        )

    def _record(
        self, branch: _Branch, segments: Sequence[AnchoredSegment], main: str, now: datetime
    ) -> AnchorRecord:
        new = [each for each in segments if branch.segments.get(each.place) != each]
        return AnchorRecord(
            version=1,
            time=now,
            main=main,
            count=self._events.tree.size,
            last=self._events.last,
            tree=f"sha256:{self._events.tree.root().hex()}",
            segments=tuple(new[:MAX_SEGMENTS]),
            seen=self._seen(branch),
        )

    def _seen(self, branch: _Branch) -> dict[str, datetime]:
        """Return first-seen times that no witness has signed yet."""
        new = {
            commit: sighting.seen
            for commit, sighting in FirstSeen.beside(self._home.trust).known().items()
            if commit not in branch.published
        }
        return dict(sorted(new.items())[:MAX_SEEN])

    def _commit(self, witness: Person, branch: _Branch, record: AnchorRecord, now: datetime) -> str:
        files = render_record(witness.name, record, partial(note_by, self._key, witness.name))
        stamp = self._stamp(files[record_path(witness.name)] or b"")
        if stamp is not None:
            files[stamp_path(witness.name)] = stamp
        key = _log_key(self._home)
        # Only the first key is listed by itself: whoever replaces the key must not get it listed.
        if key is not None and not branch.has_key:
            files[key_path(witness.name, key)] = to_pem(key).encode()
        message = f"anchors: {witness.name} has {record.count} events\n"
        commit = self._repository.commit(
            branch.head, files, message, witness.name, key=self._key, now=now
        )
        branch.head = commit
        branch.published |= record.seen.keys()
        branch.has_key = branch.has_key or key is not None
        branch.segments |= {each.place: each for each in record.segments}
        self._before = record.head
        return commit


def note_by(key: SshKey, machine: str, text: bytes) -> bytes:
    """Return the note of a checkpoint of the audit log of a machine, signed by its witness key.

    A key that only an agent can use signs no notes: the text stays as it is, in a signed commit.
    """
    try:
        public, signature = key.plain_signature(text)
    except Unavailable:
        return text
    return signed_note(text, events_origin(machine), public, signature)


def _log_key(home: Home) -> bytes | None:
    try:
        return log_public_key(home)
    except GoldenPathError:
        return None
