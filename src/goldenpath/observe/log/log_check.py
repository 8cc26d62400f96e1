"""The check of the prediction log: signatures, digests, chains, and missing or lost requests.

A request number that is neither recorded nor counted as lost is missing. A cut at the end shows
only against another source. The audit log records the newest segment of each replica every few
minutes and at the end. A replica that ended in order has marked its last segment.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pyarrow.compute as pc

from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError
from goldenpath.home import Home
from goldenpath.observe.log.log_reader import log_public_key, read_columns, verified
from goldenpath.observe.log.retention import is_expired, numbers_of, read_expired
from goldenpath.observe.log.segment import (
    SUFFIX,
    Checkpoint,
    CheckpointLink,
    broken_links,
    checkpoints,
    misplaced,
    replica_of,
    table_of,
)
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
    """Whether the last spool file was complete."""
    first: str
    last: str
    clock_error_ms: float | None = None
    """The largest error bound of the clock. None if it is not known for every record."""
    processes: tuple[str, ...] = ()
    """Business processes that callers named."""


@dataclass(frozen=True, slots=True)
class LogReport:
    """The result for the whole log."""

    replicas: tuple[ReplicaReport, ...]
    breaks: tuple[str, ...]
    """The places where a signature, digest or chain is wrong."""
    waiting: int
    """The number of bytes in the spool that are not sealed yet."""

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
            f"{r.missing} missing{'' if r.has_ended else '; open end'}"
            + (f"; {r.expired} segments expired" if r.expired else "")
            + (f"; the clock went back {r.clock_jumps} times" if r.clock_jumps else "")
            + (f"; times right to {r.clock_error_ms:.3g} ms" if r.clock_error_ms else "")
            + (f"; for {_some(r.processes)}" if r.processes else "")
            for r in self.replicas
        ]
        lines += self.breaks
        if self.waiting:
            lines.append(f"{self.waiting} bytes in the spool are not sealed yet")
        verdict = "the log holds" if self.holds else "the log does not hold"
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
    sequences: set[int]
    breaks: list[str]
    expired: int = 0
    clock_errors: set[int | None] = field(default_factory=set)
    processes: set[str] = field(default_factory=set)

    def broken(self) -> Iterator[str]:
        """Return the breaks between its segments."""
        return broken_links(sorted(self.found, key=lambda link: link.checkpoint.number))


_Key = tuple[str, str, str]
"""Stage, model and replica."""


def check_log(home: Home, anchors: Iterable[Anchor] = ()) -> LogReport:
    """Check the whole log. Raises `NotFound` if there is no log yet."""
    public_key = log_public_key(home)
    chains: dict[_Key, _Chain] = {}
    for path in checkpoints(home.predictions):
        key = (path.parts[-3], path.parts[-2], replica_of(path))
        chain = chains.setdefault(key, _Chain([], set(), []))
        try:
            if is_expired(path):
                checkpoint, numbers = read_expired(path, public_key)
                chain.found.append(CheckpointLink(checkpoint, Digest.of(path.read_bytes()).text))
                chain.sequences |= numbers
                chain.expired += 1
                continue
            checkpoint = verified(path, public_key)
            table = read_columns(table_of(path), ["sequence", "clock_error_ns", "process"])
        except GoldenPathError as error:
            chain.breaks.append(f"{path.name}: {error.message}")
            continue
        chain.found.append(CheckpointLink(checkpoint, Digest.of(path.read_bytes()).text))
        column = table["sequence"].to_pylist()
        chain.sequences.update(int(number) for number in column if number is not None)
        chain.clock_errors.update(pc.unique(table["clock_error_ns"]).to_pylist())
        chain.processes.update(filter(None, pc.unique(table["process"]).to_pylist()))
        if elsewhere := misplaced(checkpoint, *key):
            chain.breaks.append(f"{path.name}: {elsewhere}")
        if len(column) != checkpoint.rows:
            chain.breaks.append(
                f"{path.name}: expected {checkpoint.rows} records, got {len(column)}"
            )
    breaks = [text for chain in chains.values() for text in (*chain.breaks, *chain.broken())]
    breaks += [*_cut_off(chains, anchors), *_unsigned(home)]
    waiting, unreadable = _waiting(home)
    replicas = tuple(_report(chain) for chain in chains.values() if chain.found)
    return LogReport(replicas, (*breaks, *unreadable), waiting)


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
        if checkpoint.exists():
            continue
        replica = f".{replica_of(checkpoint)}."
        if not any(replica in path.name for path in home.spool.glob("*.spool")):
            yield f"{table.name}: its checkpoint is gone"


def _report(chain: _Chain) -> ReplicaReport:
    ordered = sorted((link.checkpoint for link in chain.found), key=lambda each: each.number)
    first, last = ordered[0], ordered[-1]
    seen, lost = chain.sequences, _lost(ordered)
    # A server numbers its requests from 0 and records which of them it lost.
    known = seen | lost
    missing = max(known, default=-1) + 1 - len(known)
    return ReplicaReport(
        stage=first.stage,
        model=first.model,
        replica=first.replica,
        release=first.release,
        segments=len(ordered),
        records=sum(checkpoint.rows for checkpoint in ordered),
        requests=len(seen),
        refused=sum(checkpoint.refused for checkpoint in ordered),
        lost=sum(checkpoint.lost for checkpoint in ordered),
        missing=missing,
        torn=sum(checkpoint.torn for checkpoint in ordered),
        expired=chain.expired,
        clock_jumps=sum(b.sealed_at < a.sealed_at for a, b in pairwise(ordered)),
        has_ended=last.is_last and not last.torn,
        first=first.first_time,
        last=last.last_time,
        clock_error_ms=_worst(chain.clock_errors),
        processes=tuple(sorted(chain.processes)),
    )


def _some(names: Sequence[str]) -> str:
    """Return the first names and the number of the others."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _worst(errors: set[int | None]) -> float | None:
    """Return the largest error in milliseconds. None if one is unknown."""
    known = [each for each in errors if each is not None]
    return max(known) / 1e6 if known and len(known) == len(errors) else None


def _lost(ordered: list[Checkpoint]) -> set[int]:
    return set().union(*(numbers_of(checkpoint.lost_spans) for checkpoint in ordered))


def _waiting(home: Home) -> tuple[int, list[str]]:
    """Return the bytes that are not sealed yet, and the files whose records cannot be read."""
    total, unreadable = 0, []
    for path in sorted(home.spool.glob("*.spool")):
        try:
            _, end = read(path)
            total += end
        except FileNotFoundError:
            continue  # sealed and removed meanwhile
        except GoldenPathError as error:
            # Its records are in no segment and cannot be sealed, so the log is not whole.
            unreadable.append(f"{path.name} in the spool: {error.message}")
    return total, unreadable
