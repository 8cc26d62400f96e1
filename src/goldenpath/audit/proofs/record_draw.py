"""Draws records of the prediction log by a seed, so that anybody can draw the same ones again."""

import hashlib
from collections.abc import Iterator, Sequence

from goldenpath.observe.log.segment import Checkpoint
from goldenpath.observe.log.segments.stored_segments import StoredSegment


def drawn_numbers(seed: bytes, total: int, count: int) -> list[int]:
    """Return `count` different numbers below `total`, or all of them if there are fewer.

    Number k is SHA-256 of the seed and k, modulo the total; a repeated number is passed over. The
    bias is below 2**-192.
    """
    if count >= total:
        return list(range(total))
    drawn: dict[int, None] = {}
    step = 0
    while len(drawn) < count:
        digest = hashlib.sha256(seed + step.to_bytes(8, "big")).digest()
        drawn[int.from_bytes(digest, "big") % total] = None
        step += 1
    return list(drawn)


def places_of(
    numbers: Sequence[int], segments: Sequence[tuple[StoredSegment, Checkpoint]]
) -> Iterator[tuple[StoredSegment, list[int]]]:
    """Yield each segment that has some of the records, with their places in it.

    `numbers` count the records of all segments, in the order of the segments.
    """
    wanted, first = sorted(numbers), 0
    at = 0
    for segment, checkpoint in segments:
        end = first + checkpoint.rows
        places = []
        while at < len(wanted) and wanted[at] < end:
            places.append(wanted[at] - first)
            at += 1
        if places:
            yield segment, places
        first = end
