"""The time stamp of the record that holds a segment, as parts of a bundle.

It is shown only if the pinned certificate signed it. Everything else is said, and never shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from goldenpath.audit.anchors.anchor_record import record_path, stamp_path
from goldenpath.audit.anchors.anchors_branch import SignedRecord
from goldenpath.audit.anchors.time_stamp import TimeStamp, check_stamp
from goldenpath.audit.proofs.git_evidence import GitEvidence
from goldenpath.errors import NotFound, VerificationError
from goldenpath.promote.repository.worktree import Repository


@dataclass(frozen=True, slots=True)
class HeldStamp:
    """What a bundle says about the time stamp of its record."""

    stamp: TimeStamp | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    facts: tuple[str, ...] = ()
    not_shown: tuple[str, ...] = ()


def stamp_of(branch: Repository, holder: SignedRecord, certificates: bytes | None) -> HeldStamp:
    """Return the time stamp of a record. Raises `InvalidInput` for a wrong certificate."""
    path, commit = stamp_path(holder.machine), holder.commit
    if path not in commit.paths:
        return HeldStamp()
    if certificates is None:
        return _not_shown("no certificate of a time-stamping authority is pinned here")
    evidence = GitEvidence(branch)
    try:
        reply = evidence.file(commit.id, path)
        stamp = check_stamp(
            reply, evidence.file(commit.id, record_path(holder.machine)), certificates
        )
    except (NotFound, VerificationError) as error:
        return _not_shown(error.message)
    return HeldStamp(
        stamp,
        {**evidence.files, "authority.pem": certificates},
        (f"{stamp.authority} stamped commit {commit.id} at {stamp.time}",),
    )


def _not_shown(reason: str) -> HeldStamp:
    return HeldStamp(not_shown=(f"NOT SHOWN: the time stamp of the heads: {reason}",))
