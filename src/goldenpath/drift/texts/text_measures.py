"""What drift looks at in texts: their length, and the share of words that the reference lacks.

Nobody can bin texts themselves. Words are folded and hashed into a set of fixed size, so a profile
tells no text and no list of words. A word of the reference counts as seen by a row if another row
has it too: live rows, which are none of the reference, are measured by the same rule. Pure.
"""

import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Literal

import numpy as np

from goldenpath.drift.profile import Bins, Floats, TextMeasure
from goldenpath.project.task.text_parts import unpacked

BUCKETS = 2**16
"""Size of the set of hashed words. Texts of more different words seem a little more familiar."""
LENGTH: Literal["length"] = "length"
UNSEEN: Literal["unseen"] = "unseen"
_WORD = re.compile(r"\w+")


def observed_columns(features: Sequence[Bins], rows: Floats) -> Iterator[Floats]:
    """Yield the values of each column of a profile, from rows of the model's input."""
    place = 0
    for source, group in groupby(features, key=_source):
        columns = list(group)
        measure = columns[0].text
        if measure is None or not source:
            for _ in columns:
                yield rows[:, place]
                place += 1
            continue
        texts = unpacked(rows[:, place : place + measure.width])
        place += measure.width
        for bins in columns:
            yield measured(bins, texts)


def measured(bins: Bins, texts: Sequence[str | None]) -> Floats:
    """Return the measure of each text of a column that has one, NaN for a missing text."""
    if bins.text is None or bins.text.kind == LENGTH:
        return lengths(texts)
    known = _positions(bins.text.known)
    return np.array(
        [np.nan if not text else _share(buckets_of(text) - known, text) for text in texts],
        np.float32,
    )


def lengths(texts: Sequence[str | None]) -> Floats:
    """Return the length of each text in characters, NaN for a missing one."""
    return np.array([len(text) if text else np.nan for text in texts], np.float32)


def reference_words(texts: Sequence[str | None]) -> tuple[Floats, str]:
    """Return the share of words that no other row has, for each row, and the set of all words."""
    buckets = [buckets_of(text) if text else frozenset[int]() for text in texts]
    rows = Counter(bucket for row in buckets for bucket in row)
    shares = [
        np.nan if not text else _share({b for b in row if rows[b] == 1}, text)
        for text, row in zip(texts, buckets, strict=True)
    ]
    bits = np.zeros(BUCKETS, np.uint8)
    bits[list(rows)] = 1
    return np.array(shares, np.float32), np.packbits(bits).tobytes().hex()


def buckets_of(text: str) -> frozenset[int]:
    """Return the places of the words of a text in the set."""
    words = _WORD.findall(text.casefold())
    return frozenset(zlib.crc32(word.encode("utf-8", "replace")) % BUCKETS for word in words)


def _share(part: set[int] | frozenset[int], text: str) -> float:
    words = len(buckets_of(text))
    return len(part) / words if words else 0.0


def _positions(known: str) -> frozenset[int]:
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(known), np.uint8))
    return frozenset(np.flatnonzero(bits).tolist())


def _source(bins: Bins) -> str:
    return bins.text.source if bins.text is not None else ""


def text_columns(name: str, width: int, texts: Sequence[str | None]) -> list[tuple[Bins, Floats]]:
    """Return the columns that a text of the reference has in a profile, without bins."""
    shares, known = reference_words(texts)
    length = TextMeasure(name, LENGTH, width, "")
    unseen = TextMeasure(name, UNSEEN, width, known)
    return [
        (Bins(f"{name}.length", "number", (), (), (), text=length), lengths(texts)),
        (Bins(f"{name}.unseen", "number", (), (), (), text=unseen), shares),
    ]
