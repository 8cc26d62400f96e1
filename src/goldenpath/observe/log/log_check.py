"""Checks the prediction log: is it what was signed, is it whole, and what does it know it lost?

A request number that is neither recorded nor counted as lost is missing. What was cut off at the
end can only be seen against another witness: the audit log notes every few minutes and at the end
how far each replica had come, and a replica that ended in order has said so itself.
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
"""Processes that a page names."""


@dataclass(frozen=True, slots=True)
class ReplicaReport:
    """One chain."""

    stage: str
    model: str
    replica: str
    release: str
    segments: int
    records: int
    requests: int
    refused: int
    lost: int
    """Requests that the server counted as answered without a record."""
    missing: int
    """Request numbers that are neither recorded nor counted as lost."""
    torn: int
    """Bytes of half-written frames, never answered, that a killed server left."""
    expired: int
    """Segments whose records were deleted when their time was over."""
    clock_jumps: int
    """How often the clock of this machine went back between two segments; the order is theirs."""
    has_ended: bool
    """Whether the last spool file was complete."""
    first: str
    last: str
    clock_error_ms: float | None = None
    """How wrong the clock of this machine can have been; None where nobody was known to keep it."""
    processes: tuple[str, ...] = ()
    """Business processes that callers named."""


@dataclass(frozen=True, slots=True)
class LogReport:
    """The whole log."""

    replicas: tuple[ReplicaReport, ...]
    breaks: tuple[str, ...]
    """Where signature, digest or chain do not hold."""
    waiting: int
    """Bytes in the spool that are not sealed yet."""

    @property
    def holds(self) -> bool:
        """Whether everything there is what was signed, and nothing is missing unexplained."""
        return not self.breaks and not any(replica.missing for replica in self.replicas)

    @property
    def records(self) -> int:
        """Records of all replicas."""
        return sum(replica.records for replica in self.replicas)

    def page(self) -> str:
        """For people."""
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
    """A segment that somebody else noted: it has to be there, as it was."""

    stage: str
    model: str
    replica: str
    number: int
    digest: str
    """Of the Parquet file."""


@dataclass(slots=True)
class _Chain:
    """What was found of one replica on the way."""

    found: list[CheckpointLink]
    sequences: set[int]
    breaks: list[str]
    expired: int = 0
    clock_errors: set[int | None] = field(default_factory=set)
    processes: set[str] = field(default_factory=set)

    def broken(self) -> Iterator[str]:
        """Where it does not hold together."""
        return broken_links(sorted(self.found, key=lambda link: link.checkpoint.number))


_Key = tuple[str, str, str]
"""Stage, model and replica."""


def check_log(home: Home, anchors: Iterable[Anchor] = ()) -> LogReport:
    """Reads everything. Raises `NotFound` if there is no log yet."""
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
    breaks += _cut_off(chains, anchors)
    replicas = tuple(_report(chain) for chain in chains.values() if chain.found)
    return LogReport(replicas, tuple(breaks), _waiting(home))


def _cut_off(chains: Mapping[_Key, _Chain], anchors: Iterable[Anchor]) -> list[str]:
    """What the other witness knows, and the log does not."""
    wrong = []
    for anchor in anchors:
        chain = chains.get((anchor.stage, anchor.model, anchor.replica))
        known = [link.checkpoint for link in chain.found] if chain else []
        found = {each.number: each.content for each in known}
        if found.get(anchor.number) != anchor.digest:
            what = "is another" if anchor.number in found else "is gone"
            wrong.append(
                f"{anchor.replica} segment {anchor.number} {what}: the audit log noted it "
                f"as {anchor.digest}"
            )
    return wrong


def _report(chain: _Chain) -> ReplicaReport:
    ordered = sorted((link.checkpoint for link in chain.found), key=lambda each: each.number)
    first, last = ordered[0], ordered[-1]
    seen, lost = chain.sequences, _lost(ordered)
    # A server counts its requests from 0, and says itself which of them it lost.
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
    """The first of many."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _worst(errors: set[int | None]) -> float | None:
    """Milliseconds; None if it is not known of every record."""
    known = [each for each in errors if each is not None]
    return max(known) / 1e6 if known and len(known) == len(errors) else None


def _lost(ordered: list[Checkpoint]) -> set[int]:
    return set().union(*(numbers_of(checkpoint.lost_spans) for checkpoint in ordered))


def _waiting(home: Home) -> int:
    total = 0
    for path in sorted(home.spool.glob("*.spool")):
        try:
            _, end = read(path)
            total += end
        except (GoldenPathError, FileNotFoundError):
            continue
    return total
