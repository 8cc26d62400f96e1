"""The check of the prediction log: signatures, digests, chains, and missing or lost requests.

A request number that is neither recorded nor counted as lost is missing. A cut at the end shows
only against another source. The audit log records the newest segment of each replica every few
minutes and at the end. A replica that ended in order has marked its last segment; the end of any
other is open, and with it how much is unknown.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from goldenpath.errors import GoldenPathError
from goldenpath.home import Home
from goldenpath.observe.log.log_reader import log_public_key
from goldenpath.observe.log.request_spans import RequestSpans
from goldenpath.observe.log.segment import BEGINNING, SUFFIX, replica_of
from goldenpath.observe.log.segments.chain_part import ChainPart, PartHashes
from goldenpath.observe.log.segments.checked_parts import CheckedParts
from goldenpath.observe.log.segments.packed_file import PACKED
from goldenpath.observe.log.segments.stored_segments import StoredSegment, stored_segments, units_of
from goldenpath.observe.log.spool_tail import NOBODY_KNOWS
from goldenpath.serve.record.spool_buffer import account_of
from goldenpath.serve.record.spool_format import SpoolMark
from goldenpath.serve.record.spool_reader import read

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


_Key = tuple[str, str, str]
"""Stage, model and replica."""


@dataclass(slots=True)
class _Chain:
    """The parts of the chain of one replica, added in the order of their numbers."""

    anchored: Mapping[int, set[str]]
    """The digests of tables that other records name, by number."""
    first: ChainPart | None = None
    last: ChainPart | None = None
    segments: int = 0
    records: int = 0
    refused: int = 0
    lost: int = 0
    torn: int = 0
    expired: int = 0
    clock_jumps: int = 0
    sequences: RequestSpans = field(default_factory=RequestSpans)
    known: RequestSpans = field(default_factory=RequestSpans)
    """Requests that are recorded or counted as lost."""
    breaks: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    """Where a segment does not follow the one before."""
    contents: dict[int, str] = field(default_factory=dict)
    """The digests of the tables that other records name."""
    clock_errors: set[int | None] = field(default_factory=set)
    processes: set[str] = field(default_factory=set)
    spools: dict[str, int] = field(default_factory=dict)

    def add(self, part: ChainPart, hashes: Callable[[], PartHashes]) -> None:
        """Add the next part; `hashes` is only called if another record names one of it."""
        before = self.last
        number, previous = (before.after, before.digest) if before else (0, BEGINNING)
        name = f"{part.replica} segment {part.first}"
        if part.first != number:
            self.links.append(f"{name}: expected segment {number}")
        elif part.previous != previous:
            self.links.append(f"{name}: does not follow the checkpoint before")
        self.clock_jumps += part.clock_jumps
        self.clock_jumps += bool(before and part.sealed[0] < before.sealed[1])
        self.first, self.last = self.first or part, part
        self.segments += part.segments
        self.records += part.records
        self.refused += part.refused
        self.lost += part.lost
        self.torn += part.torn
        self.expired += part.expired
        sequences = RequestSpans.parse(part.sequences)
        self.sequences.add_all([sequences])
        self.known.add_all([sequences, RequestSpans.parse(part.lost_spans)])
        self.clock_errors.update(part.clock_errors)
        self.processes.update(part.processes)
        for spool, end in part.spools.items():
            self.spools[spool] = max(self.spools.get(spool, 0), end)
        for wanted in self.anchored:
            if part.first <= wanted < part.after:
                self.contents[wanted] = hashes().content(wanted - part.first)

    def report(self, in_spool: Collection[str]) -> Iterator[ReplicaReport]:
        """Yield the result, if any segment verifies."""
        first, last = self.first, self.last
        if first is None or last is None:
            return
        is_last = last.is_last and last.end_of_writer != "goes on"
        nobody_knows = not last.is_last or last.unknown == NOBODY_KNOWS
        yield ReplicaReport(
            stage=first.stage,
            model=first.model,
            replica=first.replica,
            release=first.release,
            segments=self.segments,
            records=self.records,
            requests=self.sequences.total,
            refused=self.refused,
            lost=self.lost,
            # A server numbers its requests from 0 and records which of them it lost.
            missing=self.known.missing,
            torn=self.torn,
            expired=self.expired,
            clock_jumps=self.clock_jumps,
            has_ended=is_last and last.end_of_writer != "open" and not last.torn_at_end,
            first=first.first_time,
            last=last.last_time,
            clock_error_ms=_worst(self.clock_errors),
            processes=tuple(sorted(self.processes)),
            is_going_on=first.replica in in_spool,
            unknown=None if nobody_knows else last.unknown,
        )


def check_log(home: Home, anchors: Iterable[Anchor] = (), *, remembers: bool = False) -> LogReport:
    """Check the whole log. Raises `NotFound` if there is no log yet.

    With `remembers`, packed files that were checked before and did not change since then are not
    read again.
    """
    public_key = log_public_key(home)
    wanted: dict[_Key, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    anchors = tuple(dict.fromkeys(anchors))
    for anchor in anchors:
        wanted[anchor.stage, anchor.model, anchor.replica][anchor.number].add(anchor.digest)
    chains: dict[_Key, _Chain] = {}
    with CheckedParts(home, public_key, trusts=remembers) as parts:
        for unit in units_of(stored_segments(home.predictions)):
            key = (unit[0].stage, unit[0].model, unit[0].replica)
            chain = chains.setdefault(key, _Chain(wanted.get(key, {})))
            checked = parts.check(unit)
            chain.breaks += checked.breaks
            for part, hashes in checked.parts:
                chain.add(part, hashes)
    breaks = [text for chain in chains.values() for text in (*chain.breaks, *chain.links)]
    breaks += [*_cut_off(chains, anchors), *_unsigned(home)]
    spool = _spool(home, _sealed_ends(chains.values()))
    replicas = (each for chain in chains.values() for each in chain.report(spool.replicas))
    known = tuple(dict.fromkeys((*breaks, *spool.unreadable)))
    return LogReport(tuple(replicas), known, spool.waiting, spool.lost)


def _cut_off(chains: Mapping[_Key, _Chain], anchors: Iterable[Anchor]) -> list[str]:
    """Return the anchors that the log does not have."""
    wrong = []
    for anchor in anchors:
        chain = chains.get((anchor.stage, anchor.model, anchor.replica))
        content = chain.contents.get(anchor.number) if chain else None
        if content != anchor.digest:
            what = "is gone" if content is None else "is another"
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
        for spool, end in chain.spools.items():
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
