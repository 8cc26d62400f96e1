"""What one commit of the branch `anchors` records about one machine, as files.

machines/NAME/heads.json          the audit log, what is new in the prediction log, the commit of
                                  `main` that was followed, and when new commits were first seen
machines/NAME/events.checkpoint   the tree head of the audit log, as a checkpoint of C2SP
                                  tlog-checkpoint that the witness key signs as a note
machines/NAME/heads.tsr           the answer of a time-stamping authority about heads.json, if the
                                  machine asks one (RFC 3161)
machines/NAME/log-keys/ID.pem     a key of the prediction log that counts
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from goldenpath.audit.events.chain import Head
from goldenpath.audit.tiles.signed_note import TreeCheckpoint
from goldenpath.canonical import canonical_json
from goldenpath.digest import Digest
from goldenpath.observe.log.log_check import Anchor
from goldenpath.parsers.typed import parse_typed
from goldenpath.times import timestamp

MAX_SEEN = 1000
"""The most first-seen times in one record."""
MAX_SEGMENTS = 250
"""The most replicas in one record, about 85 kB. What is more goes into the next commit at once."""
_DigestText = Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}\Z")]
_PerhapsDigest = Annotated[str, Meta(pattern=r"^(sha256:[0-9a-f]{64})?\Z")]


class AnchoredSegment(msgspec.Struct, frozen=True):
    """The newest segment of one replica of the prediction log."""

    stage: str
    model: str
    replica: str
    number: int
    digest: _DigestText
    tree: _PerhapsDigest = ""
    """The tree head over the checkpoint files of the replica up to this segment. Empty if one of
    them is missing, or if an earlier version wrote the record."""

    @property
    def place(self) -> tuple[str, str, str]:
        """Stage, model and replica."""
        return self.stage, self.model, self.replica

    def anchor(self) -> Anchor:
        """Return it as the check of the prediction log takes it."""
        return Anchor(self.stage, self.model, self.replica, self.number, self.digest)


class AnchorRecord(msgspec.Struct, frozen=True):
    """The heads of both logs of one machine at a time."""

    version: Literal[1]
    time: datetime
    main: str
    """The commit of `main` that the machine followed; empty if it followed none yet."""
    count: Annotated[int, Meta(ge=0)]
    """The number of events in the audit log."""
    last: _DigestText
    """Digest of the last line of the audit log."""
    tree: _DigestText
    """The tree head over the lines of the audit log."""
    segments: tuple[AnchoredSegment, ...] = ()
    """The replicas whose newest segment is another than the records before hold. Version 0.1 listed
    every replica in each record."""
    seen: dict[str, datetime] = {}
    """When commits of `main` were first seen, since the record before."""

    @property
    def head(self) -> Head:
        """The head of the audit log."""
        return Head(self.count, self.last)


def record_path(machine: str) -> str:
    """Return the path of the record of a machine."""
    return f"machines/{machine}/heads.json"


def stamp_path(machine: str) -> str:
    """Return the path of the time stamp of the record of a machine."""
    return f"machines/{machine}/heads.tsr"


def checkpoint_path(machine: str) -> str:
    """Return the path of the checkpoint of the audit log of a machine."""
    return f"machines/{machine}/events.checkpoint"


def events_origin(machine: str) -> str:
    """Return the name of the audit log of a machine in its checkpoints, and of the key there."""
    return f"goldenpath/{machine}/events"


def render_record(
    machine: str, record: AnchorRecord, sign: Callable[[bytes], bytes] = lambda text: text
) -> dict[str, bytes | None]:
    """Return the files of a record. `sign` makes a signed note of the text of the checkpoint."""
    root = bytes.fromhex(Digest(record.tree).hex)
    head = TreeCheckpoint(events_origin(machine), record.count, root)
    value = msgspec.to_builtins(record)
    value["time"] = timestamp(record.time)
    value["seen"] = {commit: timestamp(time) for commit, time in record.seen.items()}
    return {
        record_path(machine): canonical_json(value) + b"\n",
        checkpoint_path(machine): sign(head.text),
    }


def parse_record(content: bytes) -> AnchorRecord:
    """Parse a record. Raises `InvalidInput`."""
    return parse_typed(content, AnchorRecord, "the record of a branch anchors")


def key_path(machine: str, public_key: bytes) -> str:
    """Return the path of a key of the prediction log, given in DER."""
    return f"{key_folder(machine)}/{Digest.of(public_key).hex[:32]}.pem"


def key_folder(machine: str) -> str:
    """Return the folder with the keys of the prediction log of a machine."""
    return f"machines/{machine}/log-keys"
