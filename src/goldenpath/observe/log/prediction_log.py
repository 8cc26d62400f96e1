"""The writer of the prediction log: from spool files to signed segments, each record once.

A record is sealed once the checkpoint file of its segment exists. Until then the segment can be
made again from the spool, which is deleted only afterwards. The checkpoint records the end offset
in the spool. So a process killed at any point neither loses nor duplicates a record.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.files import write_whole
from goldenpath.observe.log.context_columns import FEW, FIELDS
from goldenpath.observe.log.records import Block, names, to_table
from goldenpath.observe.log.release_rules import Facts
from goldenpath.observe.log.segment import (
    BEGINNING,
    SUFFIX,
    Checkpoint,
    checked_name,
    folder_of,
    parse_checkpoint,
    render_checkpoint,
)
from goldenpath.observe.log.segments.compaction import Compaction, compact
from goldenpath.observe.log.segments.packed_file import PACKED
from goldenpath.observe.log.segments.stored_segments import TABLE, stored_segments
from goldenpath.observe.log.spool_tail import SpoolBatch
from goldenpath.observe.log.subject_keys import Subjects, day_of
from goldenpath.observe.log.trees.record_tree import tree_of_records
from goldenpath.release.attest.signatures.signer import Signer
from goldenpath.serve.record.spool_format import Answered, SpoolHeader

_DICTIONARIES = [
    "stage",
    "model",
    "release_digest",
    "traffic_slot",
    "replica",
    "key_day",
    "caller",
    "band",
    "outcome",
    "status",
    *(field.name for field in FIELDS if field.type == FEW),
    "class",
]


_ENDS = ("closed", "open")
"""How a writer ends that does not go on in another file."""


_MOST_SEGMENTS_WAITING = 4


@dataclass(slots=True)
class _Chain:
    """The current end of the chain of one replica."""

    number: int = 0
    previous: str = BEGINNING
    positions: dict[str, int] = field(default_factory=dict)
    """The sealed end offset in each spool file."""
    is_ended: bool = False
    """Whether the newest segment says how the writer ended."""


@dataclass(slots=True)
class _Pending:
    """Batches of one spool file that wait to be sealed."""

    batches: list[SpoolBatch]
    since: float
    rows: int = 0


class PredictionLog:
    """The prediction log, for its only writer: one process for each home."""

    def __init__(
        self,
        predictions: Path,
        subjects: Subjects,
        signer: Signer,
        facts: Callable[[str], Facts | None],
    ) -> None:
        self._predictions = predictions
        self._subjects = subjects
        self._signer = signer
        self._facts = facts
        self._chains: dict[str, _Chain] = {}
        self._pending: dict[Path, _Pending] = {}

    def resume(self, header: SpoolHeader, spool: str) -> int:
        """Return the offset in the spool file up to which everything is sealed."""
        return self._chain(header).positions.get(spool, 0)

    def add(self, batch: SpoolBatch, now: float) -> None:
        """Keep a batch for the next segment. `now` is in seconds of any clock."""
        pending = self._pending.setdefault(batch.path, _Pending([], now))
        pending.batches.append(batch)
        pending.rows += sum(max(answered.rows, 1) for answered in batch.answered)

    def due(self, now: float, *, seconds: float, rows: int) -> list[Path]:
        """Return the spool files to seal now: old, large or complete."""
        # Many files may wait with a little each: all together are a few segments at most.
        is_much = self.waiting_rows >= _MOST_SEGMENTS_WAITING * rows
        return [
            path
            for path, pending in self._pending.items()
            if pending.rows >= rows
            or pending.batches[-1].is_last
            or (pending.rows and (is_much or now - pending.since >= seconds))
        ]

    def compact(self) -> Compaction:
        """Pack the segments of one packed file, if so many are due."""
        return compact(self._predictions, self._signer.public_key(), signer=self._signer, most=1)

    @property
    def waiting_rows(self) -> int:
        """The number of records that are in memory and not sealed."""
        return sum(pending.rows for pending in self._pending.values())

    def waiting(self) -> list[Path]:
        """Return every spool file with records that are not sealed."""
        return list(self._pending)

    def seal(self, path: Path, now: datetime) -> tuple[Checkpoint | None, bool]:
        """Seal the waiting records of a spool file. Return its checkpoint, and whether it ends.

        The records are then on disk, chained and signed. If it raises, they still wait. The
        checkpoint is None if there was nothing to seal.
        """
        batches = self._pending[path].batches
        answered = [item for batch in batches for item in batch.answered]
        checkpoint = None
        if answered or any(batch.lost for batch in batches) or self._closes(batches[-1]):
            checkpoint = self._write(batches, answered, now)
        del self._pending[path]
        return checkpoint, batches[-1].is_last

    def _closes(self, batch: SpoolBatch) -> bool:
        """Whether a segment without records has to say how the chain of a replica ends."""
        chain = self._chain(batch.header)
        return batch.end_of_writer in _ENDS and chain.number > 0 and not chain.is_ended

    def _write(
        self, batches: list[SpoolBatch], answered: list[Answered], now: datetime
    ) -> Checkpoint:
        header = batches[-1].header
        chain = self._chain(header)
        content, records = self._table(header, answered, now)
        checkpoint = _describe(batches, answered, chain, content, records=records, now=now)
        stem = f"{now:%Y%m%dT%H}-{checked_name(header.replica)}-{chain.number}"
        folder = folder_of(self._predictions, header.stage, header.model)
        write_whole(folder / f"{stem}.parquet", content)
        signed = render_checkpoint(checkpoint, self._signer)
        write_whole(folder / f"{stem}{SUFFIX}", signed)
        chain.number += 1
        chain.previous = Digest.of(signed).text
        chain.positions[checkpoint.spool] = checkpoint.end
        chain.is_ended = checkpoint.end_of_writer in _ENDS
        return checkpoint

    def _table(
        self, header: SpoolHeader, answered: list[Answered], now: datetime
    ) -> tuple[bytes, str]:
        """Return the content of a segment, and the tree head over its records."""
        day = day_of(now, header.stage)
        block = Block.of(header, answered)
        subjects = self._subjects.keep(names(block, day), day)
        table = to_table(block, self._facts(header.digest), subjects, day)
        sink = io.BytesIO()
        pq.write_table(
            table,
            sink,
            compression="zstd",
            use_dictionary=_DICTIONARIES,  # type: ignore[arg-type]
        )
        return sink.getvalue(), tree_of_records(table)

    def _chain(self, header: SpoolHeader) -> _Chain:
        chain = self._chains.get(header.replica)
        if chain is None:
            chain = self._chains[header.replica] = self._read_chain(header)
        return chain

    def _read_chain(self, header: SpoolHeader) -> _Chain:
        chain = _Chain()
        folder = folder_of(self._predictions, header.stage, header.model)
        replica = checked_name(header.replica)
        ours = stored_segments(self._predictions, header.stage, header.model)
        known = {each.stem: each for each in ours if each.replica == replica}
        for orphan in folder.glob(f"*-{replica}-*{TABLE}"):
            # Without a checkpoint it is not sealed: its records are made again from the spool.
            if not orphan.name.endswith(PACKED) and orphan.name.removesuffix(TABLE) not in known:
                orphan.unlink()
        for segment in known.values():
            content = segment.checkpoint()
            checkpoint = parse_checkpoint(content, self._signer.public_key())
            if checkpoint.number >= chain.number:
                chain.number = checkpoint.number + 1
                chain.previous = Digest.of(content).text
                chain.is_ended = checkpoint.end_of_writer in _ENDS
            end = max(chain.positions.get(checkpoint.spool, 0), checkpoint.end)
            chain.positions[checkpoint.spool] = end
        if chain.number != len(known):
            raise InvalidInput(
                f"the prediction log of replica {replica} has a gap: "
                f"expected {chain.number} segments, got {len(known)}",
                hint="run goldenpath log check, and keep a copy of the folder before you repair it",
            )
        return chain


def _describe(
    batches: list[SpoolBatch],
    answered: list[Answered],
    chain: _Chain,
    content: bytes,
    *,
    records: str,
    now: datetime,
) -> Checkpoint:
    header, last = batches[-1].header, batches[-1]
    started = [item.started for item in answered] or [header.started]
    return Checkpoint(
        stage=header.stage,
        model=header.model,
        slot=header.slot,
        replica=header.replica,
        release=header.digest,
        number=chain.number,
        previous=chain.previous,
        content=Digest.of(content).text,
        rows=sum(max(item.rows, 1) for item in answered),
        requests=len(answered),
        refused=sum(item.rows == 0 for item in answered),
        first_sequence=answered[0].sequence if answered else -1,
        last_sequence=answered[-1].sequence if answered else -1,
        lost=sum(batch.lost for batch in batches),
        lost_rows=sum(batch.lost_rows for batch in batches),
        lost_spans=" ".join(span for batch in batches for span in batch.lost_spans),
        first_time=timestamp(min(started)),
        last_time=timestamp(max(started)),
        sealed_at=f"{now:%Y-%m-%dT%H:%M:%S.%fZ}",
        spool=last.path.name,
        begin=batches[0].begin,
        end=last.end,
        is_last=last.is_last,
        torn=last.torn,
        end_of_writer=last.end_of_writer,
        unknown=last.unknown,
        records=records,
    )


def timestamp(nanoseconds: int) -> str:
    """Return nanoseconds since 1970 as RFC 3339 with microseconds."""
    moment = datetime.fromtimestamp(nanoseconds // 1000 / 1e6, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"
