"""Reads the branch `anchors`: what witnesses signed about the logs of a machine.

Only commits that a key of role `witness` signed count, and only for the files of that witness. A
commit by anybody else is passed over, so that nobody who may push can bury what was signed.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import msgspec

from goldenpath.audit.anchors.anchor_record import (
    AnchoredSegment,
    AnchorRecord,
    key_folder,
    parse_record,
    record_path,
)
from goldenpath.audit.anchors.held_heads import HeldHead, HeldHeads
from goldenpath.errors import InvalidInput, NotFound, Unavailable, VerificationError
from goldenpath.promote.repository.commit import Commit
from goldenpath.promote.repository.worktree import Repository
from goldenpath.release.attest.keys import key_from_pem
from goldenpath.release.attest.policy import Person

BRANCH = "anchors"
_AT_ONCE = 50
"""Records that are read together: one of version 0.1 can have some MiB, and git answers at most
256 MiB at once."""


@dataclass(frozen=True, slots=True)
class SignedRecord:
    """A record, the witness that signed it, and the commit that holds it."""

    machine: str
    commit: Commit
    record: AnchorRecord


@dataclass(frozen=True, slots=True)
class AnchorsRead:
    """Everything on the branch that counts."""

    head: str | None
    """The last commit; None if the branch does not exist."""
    records: tuple[SignedRecord, ...] = ()
    """The oldest first."""
    log_keys: Mapping[str, tuple[bytes, ...]] | None = None
    """Keys of the prediction log in DER, by machine."""
    faults: tuple[str, ...] = ()

    def held(self, machine: str) -> HeldHeads:
        """Return what is held about the logs of one machine."""
        heads = tuple(
            HeldHead(
                each.commit.id,
                each.record.time,
                each.record.head,
                tuple(segment.anchor() for segment in each.record.segments),
                each.record.tree,
            )
            for each in self.records
            if each.machine == machine
        )
        return HeldHeads(heads, (self.log_keys or {}).get(machine, ()), self.faults)

    def newest(self, machine: str) -> Mapping[tuple[str, str, str], AnchoredSegment]:
        """Return the segment that is held of each replica, by stage, model and replica."""
        own = (each.record.segments for each in self.records if each.machine == machine)
        return {segment.place: segment for segments in own for segment in segments}

    def seen(self) -> Mapping[str, datetime]:
        """Return when each commit of `main` was seen by the first witness that saw it."""
        times: dict[str, datetime] = {}
        for each in self.records:
            for commit, time in each.record.seen.items():
                times[commit] = min(time, times.get(commit, time))
        return times


def read_anchors(repository: Repository, witnesses: Sequence[Person]) -> AnchorsRead:
    """Fetch the branch and return what witnesses signed on it.

    If the remote cannot be reached, our own copy is read. A branch that was rewritten or removed is
    a fault, since our copy is a witness of what was there.
    """
    head, fault = _fetched(repository)
    if head is None:
        return AnchorsRead(None)
    read = read_copy(repository, head, witnesses)
    return AnchorsRead(
        head, read.records, read.log_keys, (*([fault] if fault else []), *read.faults)
    )


def _fetched(repository: Repository) -> tuple[str | None, str]:
    """Return the commit to read, and a fault."""
    try:
        return repository.fetch(), ""
    except Unavailable:
        fault = ""
    except VerificationError as error:
        fault = f"the branch {BRANCH} cannot be believed: {error.message}"
    except NotFound:
        fault = f"the branch {BRANCH} is gone from the gitops repository"
    try:
        return repository.head(), fault
    except NotFound:
        return None, ""


def read_copy(repository: Repository, head: str, witnesses: Sequence[Person]) -> AnchorsRead:
    """Return what witnesses signed up to a commit of our copy."""
    signed = _signed(repository, head, witnesses)
    written = [each for each in signed if record_path(each[0]) in each[1].paths]
    records: list[SignedRecord] = []
    faults: list[str] = []
    # Version 0.1 listed every replica in each record: each is kept in memory once.
    segments: dict[AnchoredSegment, AnchoredSegment] = {}
    for (machine, commit), content in zip(written, _contents(repository, written), strict=True):
        if content is None:  # it was deleted, which takes nothing back
            continue
        try:
            record = parse_record(content)
        except InvalidInput as error:
            faults.append(f"commit {commit.id[:12]} of the branch {BRANCH}: {error.message}")
            continue
        shared = tuple(segments.setdefault(each, each) for each in record.segments)
        record = msgspec.structs.replace(record, segments=shared)
        records.append(SignedRecord(machine, commit, record))
    return AnchorsRead(head, tuple(records), _keys(repository, signed), tuple(faults))


def _contents(
    repository: Repository, written: Sequence[tuple[str, Commit]]
) -> Iterator[bytes | None]:
    """Yield the record in each commit, and keep few of them in memory."""
    names = [f"{commit.id}:{record_path(machine)}" for machine, commit in written]
    for start in range(0, len(names), _AT_ONCE):
        for entry in repository.objects(names[start : start + _AT_ONCE]):
            yield entry[1] if entry is not None and entry[0] == "blob" else None


def _signed(
    repository: Repository, head: str, witnesses: Sequence[Person]
) -> list[tuple[str, Commit]]:
    """Return every commit that a witness signed, with the name of the witness."""
    signed = []
    for commit in repository.commits(repository.between(None, head)):
        try:
            signed.append((repository.verify(commit.id, witnesses), commit))
        except VerificationError:
            continue
    return signed


def _keys(
    repository: Repository, signed: Sequence[tuple[str, Commit]]
) -> Mapping[str, tuple[bytes, ...]]:
    """Return the keys that commits of each witness have added; nothing takes one away."""
    added = [
        (machine, f"{commit.id}:{path}")
        for machine, commit in signed
        for path in commit.paths
        if path.startswith(f"{key_folder(machine)}/")
    ]
    keys: dict[str, dict[bytes, None]] = {}
    contents = repository.blobs([name for _, name in added])
    for (machine, name), content in zip(added, contents, strict=True):
        with suppress(InvalidInput):  # a file that is no key lists none
            public_key = key_from_pem(name, content or b"").public_key
            keys.setdefault(machine, {})[public_key] = None
    return {machine: tuple(found) for machine, found in keys.items()}
