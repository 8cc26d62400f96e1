"""The check of the prediction log: signatures, digests, chains, and missing or lost requests.

A request number that is neither recorded nor counted as lost is missing. A cut at the end shows
only against another source. The audit log records the newest segment of each replica every few
minutes and at the end. A replica that ended in order has marked its last segment; the end of any
other is open, and with it how much is unknown.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError
from goldenpath.home import Home
from goldenpath.observe.log.log_reader import columns_of, log_public_key, verified_table
from goldenpath.observe.log.request_spans import RequestSpans
from goldenpath.observe.log.retention import read_expired
from goldenpath.observe.log.segment import (
    SUFFIX,
    Checkpoint,
    CheckpointLink,
    broken_links,
    misplaced,
    replica_of,
)
from goldenpath.observe.log.segments.packed_file import PACKED
from goldenpath.observe.log.segments.shown_rows import shown_otherwise
from goldenpath.observe.log.segments.stored_segments import (
    StoredSegment,
    log_folders,
    packed_files,
    stored_segments,
)
from goldenpath.observe.log.spool_tail import NOBODY_KNOWS
from goldenpath.serve.record.spool_buffer import account_of
from goldenpath.serve.record.spool_format import SpoolMark
from goldenpath.serve.record.spool_reader import read

_COLUMNS = ("sequence", "clock_error_ns", "process")
_MOST_NAMED = 10
"""The most business processes that the page names for a replica."""


@dataclass(frozen=True, slots=True)
class ReplicaReport:
    """The result for the chain of one replica."""

    stage: str
    model: str
    replica: str
    release: str
    segments: int
    records: int
    requests: int
    refused: int
    lost: int
    """Requests that the server answered without a record, by its own count."""
    missing: int
    """Request numbers that are neither recorded nor counted as lost."""
    torn: int
    """Bytes of incomplete frames that a killed server left. Their requests were not answered."""
    expired: int
    """Segments whose records were deleted after their retention time."""
    clock_jumps: int
    """How often the clock of this machine went back between two consecutive segments."""
    has_ended: bool
    """Whether its writer ended in order, as far as its segments say."""
    first: str
    last: str
    clock_error_ms: float | None = None
    """The largest error bound of the clock. None if it is not known for every record."""
    processes: tuple[str, ...] = ()
    """Business processes that callers named."""
    is_going_on: bool = False
    """Whether its spool file is still there: its server runs, or not all of it is sealed."""
    unknown: int | None = 0
    """Requests that may have been answered beyond an open end; None if nobody knows how many."""

    @property
    def end(self) -> str:
        """How it ends, in a few words; empty if it ended in order."""
        if self.has_ended:
            return ""
        if self.is_going_on:
            return "not sealed to its end yet"
        return f"open end, {'how many is' if self.unknown is None else self.unknown} unknown"


@dataclass(frozen=True, slots=True)
class LogReport:
    """The result for the whole log."""

    replicas: tuple[ReplicaReport, ...]
    breaks: tuple[str, ...]
    """The places where a signature, digest or chain is wrong."""
    waiting: int
    """The number of bytes in the spool that are not sealed yet."""
    lost_in_spool: int = 0
    """Requests that are counted as lost in the spool and not in a segment yet."""

    @property
    def holds(self) -> bool:
        """Whether everything matches its signature and no request is missing."""
        return not self.faults

    @property
    def faults(self) -> tuple[str, ...]:
        """A sentence for each fault. A break cannot be assigned to one release."""
        missing = (each for each in self.replicas if each.missing)
        return (
            *self.breaks,
            *(f"{each.replica} misses {each.missing} requests" for each in missing),
        )

    @property
    def records(self) -> int:
        """The number of records of all replicas."""
        return sum(replica.records for replica in self.replicas)

    def page(self) -> str:
        """Return the report as text."""
        lines = [
            f"{r.stage}/{r.model} {r.replica}: {r.records} records of {r.requests} requests in "
            f"{r.segments} segments, {r.first} to {r.last}; {r.refused} refused, {r.lost} lost, "
            f"{r.missing} missing"
            + (f"; {r.end}" if r.end else "")
            + (f"; {r.expired} segments expired" if r.expired else "")
            + (f"; the clock went back {r.clock_jumps} times" if r.clock_jumps else "")
            + (f"; times right to {r.clock_error_ms:.3g} ms" if r.clock_error_ms else "")
            + (f"; for {_some(r.processes)}" if r.processes else "")
            for r in self.replicas
        ]
        lines += self.breaks
        if self.waiting:
            lines.append(f"{self.waiting} bytes in the spool are not sealed yet")
        if self.lost_in_spool:
            lines.append(
                f"{self.lost_in_spool} requests were answered without a record; "
                "their number is not sealed yet"
            )
        verdict = "the log holds" if self.holds else "the log does not hold"
        ends = sum(not r.has_ended and not r.is_going_on for r in self.replicas)
        if ends:
            verdict += f"; {ends} of {len(self.replicas)} replicas have an open end"
        return "\n".join([*lines, f"{self.records} records; {verdict}"])


@dataclass(frozen=True, slots=True)
class Anchor:
    """A segment that another record names. The log must still have it, unchanged."""

    stage: str
    model: str
    replica: str
    number: int
    digest: str
    """Digest of the Parquet file."""


@dataclass(slots=True)
class _Chain:
    """The segments and breaks of one replica, collected during the check."""

    found: list[CheckpointLink]
    sequences: RequestSpans
    breaks: list[str]
    expired: int = 0
    clock_errors: set[int | None] = field(default_factory=set)
    processes: set[str] = field(default_factory=set)

    def add(self, segment: StoredSegment, public_key: bytes) -> None:
        """Check one segment. Raises `GoldenPathError` or `FileNotFoundError` if it is wrong."""
        if segment.is_expired():
            checkpoint, numbers = read_expired(segment, public_key)
            self.sequences.add_all([numbers])
            self.expired += 1
            self._add_link(segment, checkpoint)
            return
        checkpoint, content = verified_table(segment, public_key)
        table = columns_of(BytesIO(content), segment.table_name, _COLUMNS)
        self._add_link(segment, checkpoint)
        self.sequences.add_numbers(table["sequence"].drop_null().to_numpy())
        self.clock_errors.update(pc.unique(table["clock_error_ns"]).to_pylist())
        self.processes.update(filter(None, pc.unique(table["process"]).to_pylist()))
        if elsewhere := misplaced(checkpoint, segment.stage, segment.model, segment.replica):
            self.breaks.append(f"{segment.name}: {elsewhere}")
        if table.num_rows != checkpoint.rows:
            self.breaks.append(
                f"{segment.name}: expected {checkpoint.rows} records, got {table.num_rows}"
            )

    def _add_link(self, segment: StoredSegment, checkpoint: Checkpoint) -> None:
        digest = Digest.of(segment.checkpoint()).text
        self.found.append(CheckpointLink(checkpoint, digest))

    def broken(self) -> Iterator[str]:
        """Return the breaks between its segments."""
        return broken_links(sorted(self.found, key=lambda link: link.checkpoint.number))


_Key = tuple[str, str, str]
"""Stage, model and replica."""


def check_log(home: Home, anchors: Iterable[Anchor] = ()) -> LogReport:
    """Check the whole log. Raises `NotFound` if there is no log yet."""
    public_key = log_public_key(home)
    chains: dict[_Key, _Chain] = {}
    for segment in stored_segments(home.predictions):
        key = (segment.stage, segment.model, segment.replica)
        chain = chains.setdefault(key, _Chain([], RequestSpans(), []))
        try:
            chain.add(segment, public_key)
        except FileNotFoundError:
            chain.breaks.append(f"{segment.name}: it is gone")
        except GoldenPathError as error:
            chain.breaks.append(f"{segment.packed or segment.name}: {error.message}")
    breaks = [text for chain in chains.values() for text in (*chain.breaks, *chain.broken())]
    breaks += [*_cut_off(chains, anchors), *_unsigned(home), *_shown_otherwise(home)]
    spool = _spool(home, _sealed_ends(chains.values()))
    replicas = tuple(_report(chain, spool.replicas) for chain in chains.values() if chain.found)
    known = tuple(dict.fromkeys((*breaks, *spool.unreadable)))
    return LogReport(replicas, known, spool.waiting, spool.lost)


def _shown_otherwise(home: Home) -> Iterator[str]:
    """Return the packed files that show other programs something else than they hold."""
    for folder in log_folders(home.predictions):
        for name in packed_files(folder):
            try:
                wrong = shown_otherwise(folder / name)
            except FileNotFoundError:
                continue  # replaced meanwhile: whoever replaced it read it back
            except (GoldenPathError, pa.ArrowException) as error:
                wrong = f"{name}: {getattr(error, 'message', error)}"
            if wrong:
                yield wrong


def _cut_off(chains: Mapping[_Key, _Chain], anchors: Iterable[Anchor]) -> list[str]:
    """Return the anchors that the log does not have."""
    wrong = []
    for anchor in anchors:
        chain = chains.get((anchor.stage, anchor.model, anchor.replica))
        known = [link.checkpoint for link in chain.found] if chain else []
        contents = {each.number: each.content for each in known}
        if contents.get(anchor.number) != anchor.digest:
            what = "is another" if anchor.number in contents else "is gone"
            wrong.append(
                f"{anchor.replica} segment {anchor.number} {what}: another record names it as "
                f"{anchor.digest}"
            )
    return wrong


def _unsigned(home: Home) -> Iterator[str]:
    """Return the tables without a checkpoint, unless the spool still has their records."""
    for table in sorted(home.predictions.glob("*/*/*.parquet")):
        checkpoint = table.with_name(table.name.removesuffix(".parquet") + SUFFIX)
        if table.name.endswith(PACKED) or checkpoint.exists() or _is_packed(table):
            continue
        replica = f".{replica_of(checkpoint)}."
        if not any(replica in path.name for path in home.spool.glob("*.spool")):
            yield f"{table.name}: its checkpoint is gone"


def _is_packed(table: Path) -> bool:
    """Whether a packed file has the segment of a table, whose own files are on their way out."""
    segment = StoredSegment(table.parent, table.name.removesuffix(".parquet"))
    try:
        return bool(segment.checkpoint())
    except (FileNotFoundError, GoldenPathError):
        return False


def _report(chain: _Chain, in_spool: Collection[str]) -> ReplicaReport:
    ordered = sorted((link.checkpoint for link in chain.found), key=lambda each: each.number)
    first, last = ordered[0], ordered[-1]
    # A server numbers its requests from 0 and records which of them it lost.
    known = RequestSpans()
    known.add_all([chain.sequences, *(RequestSpans.parse(each.lost_spans) for each in ordered)])
    is_last = last.is_last and last.end_of_writer != "goes on"
    nobody_knows = not last.is_last or last.unknown == NOBODY_KNOWS
    return ReplicaReport(
        stage=first.stage,
        model=first.model,
        replica=first.replica,
        release=first.release,
        segments=len(ordered),
        records=sum(checkpoint.rows for checkpoint in ordered),
        requests=chain.sequences.total,
        refused=sum(checkpoint.refused for checkpoint in ordered),
        lost=sum(checkpoint.lost for checkpoint in ordered),
        missing=known.missing,
        torn=sum(checkpoint.torn for checkpoint in ordered),
        expired=chain.expired,
        clock_jumps=sum(b.sealed_at < a.sealed_at for a, b in pairwise(ordered)),
        has_ended=is_last and last.end_of_writer != "open" and not last.torn,
        first=first.first_time,
        last=last.last_time,
        clock_error_ms=_worst(chain.clock_errors),
        processes=tuple(sorted(chain.processes)),
        is_going_on=first.replica in in_spool,
        unknown=None if nobody_knows else last.unknown,
    )


def _some(names: Sequence[str]) -> str:
    """Return the first names and the number of the others."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _worst(errors: set[int | None]) -> float | None:
    """Return the largest error in milliseconds. None if one is unknown."""
    known = [each for each in errors if each is not None]
    return max(known) / 1e6 if known and len(known) == len(errors) else None


@dataclass(slots=True)
class _Spool:
    """What is in the spool."""

    waiting: int = 0
    """Bytes that are not sealed yet."""
    lost: int = 0
    """Lost requests that writers counted and that no frame says yet."""
    replicas: set[str] = field(default_factory=set)
    unreadable: list[str] = field(default_factory=list)
    """The files whose records cannot be read, with the reason."""


def _sealed_ends(chains: Iterable[_Chain]) -> Mapping[str, int]:
    """Return up to which offset each spool file is sealed."""
    ends: dict[str, int] = {}
    for chain in chains:
        for link in chain.found:
            spool, end = link.checkpoint.spool, link.checkpoint.end
            ends[spool] = max(ends.get(spool, 0), end)
    return ends


def _spool(home: Home, sealed: Mapping[str, int]) -> _Spool:
    """Return what is in the spool beyond the offsets up to which its files are sealed."""
    spool = _Spool()
    for path in sorted(home.spool.glob("*.spool")):
        spool.replicas.add(path.name.rsplit(".", 3)[1])
        begin = end = sealed.get(path.name, 0)
        try:
            while True:
                frames, after = read(path, end)
                spool.lost += sum(each.lost for each in frames if isinstance(each, SpoolMark))
                if after == end:
                    break
                end = after
            spool.waiting += end - begin
            account = account_of(path)
            if account is not None and end <= account.at:
                spool.lost += account.lost.lost
        except FileNotFoundError:
            continue  # sealed and removed meanwhile
        except GoldenPathError as error:
            # Its records are in no segment and cannot be sealed, so the log is not whole.
            spool.unreadable.append(f"{path.name} in the spool: {error.message}")
    return spool
