"""The verified segments of one period in any storage, with a list of gaps.

The rules are those of `goldenpath log check`, from the checkpoint before the period on: a signature
by a log key, a digest, a chain for each replica without a hole, no missing request number. A
segment that fails is left out and listed as a gap.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound, VerificationError
from goldenpath.observe.log.request_spans import RequestSpans
from goldenpath.observe.log.segment import (
    SUFFIX,
    Checkpoint,
    CheckpointLink,
    broken_links,
    misplaced,
    parse_checkpoint,
)
from goldenpath.times import timestamp

Files = Mapping[str, Callable[[], bytes]]

_NAME = re.compile(r"(\d{8}T\d\d)-(.+)-(\d+)" + re.escape(SUFFIX))
_SKEW = timedelta(hours=1)
"""The largest clock difference allowed between a replica and a committer."""


@dataclass(slots=True)
class VerifiedSegments:
    """The segments of some releases in a period, and the gaps."""

    segments: list[tuple[str, Checkpoint]] = field(default_factory=list)
    """Names of the tables and their checkpoints, the oldest records first."""
    gaps: list[str] = field(default_factory=list)


def verified_segments(
    files: Files,
    place: tuple[str, str],
    releases: Iterable[Digest],
    between: tuple[datetime, datetime],
    *,
    keys: Sequence[bytes],
) -> VerifiedSegments:
    """Return the verified checkpoints of `place` (stage, model) between two moments."""
    verified, digests = VerifiedSegments(), {each.text for each in releases}
    since = between[0]
    begin, end = (timestamp(each) for each in between)
    for replica, names in sorted(_by_replica(files, since, verified.gaps).items()):
        chain, gaps = _chain(files, names, (*place, replica), keys)
        ours = [each for each in chain if each[1].checkpoint.release in digests]
        if chain and not ours:
            continue  # a replica of another release
        links = [link for _, link in chain]
        verified.gaps += [*gaps, *broken_links(links, begins_anywhere=names[0][0] > 0)]
        if chain and names[0][0] > 0 and links[0].checkpoint.last_time >= begin:
            verified.gaps.append(f"{replica}: what was before segment {names[0][0]} is gone")
        numbers = set[int]()
        for name, link in ours:
            number = link.checkpoint.number
            is_inside = link.checkpoint.last_time >= begin and link.checkpoint.first_time < end
            if is_inside and number not in numbers:
                verified.segments.append((name, link.checkpoint))
            numbers.add(number)
    verified.segments.sort(key=lambda each: (each[1].first_time, each[1].replica, each[1].number))
    return verified


def _by_replica(
    files: Files, since: datetime, gaps: list[str]
) -> Mapping[str, list[tuple[int, str]]]:
    """Return number and name of each checkpoint since then, and of the previous one."""
    earliest = f"{since - _SKEW:%Y%m%dT%H}"
    checkpoints: dict[str, list[tuple[int, str]]] = defaultdict(list)
    older: dict[str, tuple[int, str]] = {}
    for name in files:
        match = _NAME.fullmatch(name)
        if match is None:
            if name.endswith(SUFFIX):
                gaps.append(f"{name[:80]!r} is not the name of a checkpoint")
            continue
        hour, replica, number = match[1], match[2], int(match[3])
        if hour >= earliest:
            checkpoints[replica].append((number, name))
        elif (number, name) > older.get(replica, (-1, "")):
            older[replica] = number, name
    for replica, names in checkpoints.items():
        names.sort()
        if replica in older:
            names.insert(0, older[replica])
    return checkpoints


def _chain(
    files: Files, names: list[tuple[int, str]], place: tuple[str, str, str], keys: Sequence[bytes]
) -> tuple[list[tuple[str, CheckpointLink]], list[str]]:
    """Return the valid checkpoints of one replica in order, and the gaps."""
    chain, gaps = [], []
    for _, name in names:
        try:
            content = files[name]()
            checkpoint = _signed(content, keys, place)
        except (VerificationError, InvalidInput, NotFound) as error:
            gaps.append(f"{name}: {error.message}")
            continue
        link = CheckpointLink(checkpoint, Digest.of(content).text)
        chain.append((name.removesuffix(SUFFIX) + ".parquet", link))
    chain.sort(key=lambda each: each[1].checkpoint.number)
    return chain, gaps


def _signed(content: bytes, keys: Sequence[bytes], place: tuple[str, str, str]) -> Checkpoint:
    refused = "no key of the log is known"
    for key in keys:
        try:
            checkpoint = parse_checkpoint(content, key)
        except VerificationError as error:
            refused = error.message
            continue
        refused = misplaced(checkpoint, *place)
        if not refused:
            return checkpoint
    raise VerificationError(refused)


def missing_numbers(segments: Iterable[tuple[Checkpoint, RequestSpans]]) -> Iterator[str]:
    """Return the replicas with request numbers that are neither recorded nor counted as lost.

    `segments` are checkpoints with the request numbers that are recorded or counted as lost.
    """
    known: dict[str, RequestSpans] = defaultdict(RequestSpans)
    for checkpoint, numbers in segments:
        known[checkpoint.replica].add_all([numbers])
    for replica, numbers in sorted(known.items()):
        if numbers.gaps:
            yield f"{numbers.gaps} requests of {replica} are neither recorded nor counted as lost"
