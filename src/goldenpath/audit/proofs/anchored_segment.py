"""The proof that one segment of the prediction log is among those that a witness signed.

A witness signs, for each replica, a tree head over all its checkpoint files. So one signed commit
holds every segment before it as well.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from goldenpath.audit.anchors.anchor_record import AnchoredSegment, key_path
from goldenpath.audit.anchors.anchors_branch import SignedRecord
from goldenpath.errors import Unavailable, VerificationError
from goldenpath.home import Home
from goldenpath.merkle_tree import inclusion_proof, leaf_hash, tree_head
from goldenpath.observe.log.segment import Checkpoint, parse_checkpoint
from goldenpath.observe.log.segments.checked_parts import CheckedParts
from goldenpath.observe.log.segments.stored_segments import (
    StoredSegment,
    segments_of,
    units_of,
)

_NEXT = "goldenpath up writes heads every five minutes and when it stops: try again after that"


@dataclass(frozen=True, slots=True)
class HeldSegment:
    """A segment, and the signed record that holds it."""

    holder: SignedRecord
    proof: tuple[bytes, ...]
    """The inclusion proof of the checkpoint file in the tree of its replica."""
    key_commit: str
    """The commit of a witness that listed the key of the prediction log."""
    key_file: str
    """The path of the key in that commit."""


def held_segment(
    records: Sequence[SignedRecord],
    segment: StoredSegment,
    public_key: bytes,
    *,
    at: datetime | None,
    home: Home,
) -> HeldSegment:
    """Return the first signed record that holds a segment, with the proof.

    `records` are those of one machine, the oldest first. With `at`, only records of up to that time
    count. Raises `Unavailable` if the segment is not held yet, and `VerificationError` if the log
    differs from what is held.
    """
    checkpoint = parse_checkpoint(segment.checkpoint(), public_key)
    holder, head = _first_holder(records, checkpoint, at)
    leaves = _remembered_leaves(home, segment, public_key, head.number)
    if f"sha256:{tree_head(leaves).hex()}" != head.tree:
        leaves = segment_leaves(segments_of(segment), checkpoint.replica, head.number)
    if f"sha256:{tree_head(leaves).hex()}" != head.tree:
        raise VerificationError(
            f"the segments of {checkpoint.replica} differ from those that commit "
            f"{holder.commit.id[:12]} of the branch anchors holds",
            hint="goldenpath log check names every fault",
        )
    file = key_path(holder.machine, public_key)
    listing = next((each.commit.id for each in records if file in each.commit.paths), None)
    if listing is None:
        raise VerificationError("no commit of the branch anchors lists the key of the log")
    return HeldSegment(holder, inclusion_proof(leaves, checkpoint.number), listing, file)


def _first_holder(
    records: Sequence[SignedRecord], checkpoint: Checkpoint, at: datetime | None
) -> tuple[SignedRecord, AnchoredSegment]:
    place = (checkpoint.stage, checkpoint.model, checkpoint.replica)
    older = False
    for each in records:
        if at is not None and each.record.time > at:
            break
        for head in each.record.segments:
            if (head.stage, head.model, head.replica) != place or head.number < checkpoint.number:
                continue
            if head.tree:
                return each, head
            older = True
    name = f"segment {checkpoint.number} of {checkpoint.replica}"
    if older:
        raise Unavailable(
            f"{name} is held by its digest only: the heads on the branch anchors have no tree over "
            "the segments of the replica, because an earlier version wrote them or one is missing",
            hint=f"{_NEXT}; goldenpath log check says whether a segment is missing",
        )
    when = "yet" if at is None else f"at {at.isoformat()}"
    raise Unavailable(
        f"the prediction is sealed in {name}, but no witness holds that segment {when}: without "
        "a signed head on the branch anchors nothing shows that it was not written later",
        hint=_NEXT,
    )


def _remembered_leaves(
    home: Home, segment: StoredSegment, public_key: bytes, last: int
) -> list[bytes]:
    """Return the leaves up to a number, as far as they are there; the signed head decides."""
    ours = sorted(segments_of(segment).items())
    leaves: list[bytes] = []
    with CheckedParts(home, public_key) as parts:
        for unit in units_of(each for number, each in ours if number <= last):
            with suppress(FileNotFoundError, VerificationError):
                leaves += parts.leaves(unit)
    return leaves


def segment_leaves(files: Mapping[int, StoredSegment], replica: str, last: int) -> list[bytes]:
    """Return the hashes of the checkpoint files of a replica by number, from 0 to the last.

    Raises `VerificationError` if one is gone.
    """
    missing = [number for number in range(last + 1) if number not in files]
    if missing:
        raise VerificationError(f"segment {missing[0]} of {replica} is gone")
    return [leaf_hash(files[number].checkpoint()) for number in range(last + 1)]
