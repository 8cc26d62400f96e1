"""Texts as numbers: each 32-bit float of a row holds three bytes of a text in UTF-8, exactly.

A text feature of at most n bytes becomes n / 3 features. So records, replay and every check see the
very text that a caller sent, as they see other numbers. Bytes after the end are zero, a missing
text is NaN. Pure.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BYTES = 3
"""Bytes of one number: a 32-bit float holds 24 bits."""
LARGEST = 2**24 - 1
"""The largest number of three bytes."""
MOST_BYTES = 3072
"""The longest text that a feature may have."""


def width_of(limit: int) -> int:
    """Return how many numbers hold a text of so many bytes."""
    return -(-limit // BYTES)


def text_fault(text: object, limit: int) -> str:
    """Return what is wrong with a text, without the text itself; empty if nothing is."""
    if not isinstance(text, str):
        return f"a value of type {type(text).__name__}"
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return "bytes that are not UTF-8"
    if size > limit:
        return f"{size} bytes"
    return "a NUL character" if "\0" in text else ""


def expected_text(limit: int) -> str:
    """Return the expected values of a text feature."""
    return f"a text of at most {limit} bytes in UTF-8, without NUL characters"


_WORDS = (
    "the",
    "first",
    "part",
    "of",
    "a",
    "made",
    "up",
    "text",
    "with",
    "some",
    "words",
    "in",
    "it",
)


def made_up_texts(count: int, limit: int) -> list[str]:
    """Return texts that describe nobody, the same ones each time, of different lengths."""
    draw = np.random.default_rng(0)
    texts = []
    for size in draw.integers(1, 25, count).tolist():
        text = " ".join(draw.choice(_WORDS, size))
        texts.append(text[:limit].rstrip() or "a")
    return texts


def packed(texts: Sequence[str | None], width: int) -> NDArray[np.float64]:
    """Return texts without faults as numbers, shape `(n, width)`; None and "" are missing."""
    numbers = np.full((len(texts), width), np.nan)
    present = [row for row, text in enumerate(texts) if text]
    joined = b"".join((texts[row] or "").encode().ljust(BYTES * width, b"\0") for row in present)
    parts = np.frombuffer(joined, np.uint8).reshape(len(present), width, BYTES)
    numbers[present] = parts @ np.array([1, 256, 65536], np.float64)
    return numbers


def unpacked(rows: NDArray[np.floating]) -> list[str | None]:
    """Return the texts in numbers of shape `(n, width)`; None where one is missing.

    Bytes that are not UTF-8 become the replacement character: `are_texts` finds those rows.
    """
    missing = np.isnan(rows).any(axis=1)
    return [
        None if gone else raw.decode("utf-8", "replace")
        for gone, raw in zip(missing.tolist(), _bytes_of(rows), strict=True)
    ]


def are_texts(rows: NDArray[np.floating], limit: int) -> NDArray[np.bool_]:
    """Return which rows hold a text of at most `limit` bytes, or no text at all."""
    whole = (rows >= 0) & (rows <= LARGEST) & (np.rint(rows) == rows)
    missing = np.isnan(rows).all(axis=1)
    right: NDArray[np.bool_] = whole.all(axis=1)
    for row in np.flatnonzero(right).tolist():
        right[row] = _is_text(next(iter(_bytes_of(rows[row : row + 1]))), limit)
    right |= missing
    return right


def _is_text(raw: bytes, limit: int) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    # An empty text is a missing one, which has no bytes at all.
    return 0 < len(raw) <= limit and b"\0" not in raw


def _bytes_of(rows: NDArray[np.floating]) -> list[bytes]:
    """Return the bytes of each row up to the zeros at its end."""
    known = np.nan_to_num(rows, nan=0.0, posinf=0.0, neginf=0.0).clip(0, LARGEST)
    quads = np.ascontiguousarray(known.astype("<u4")).view(np.uint8).reshape(len(rows), -1, 4)
    flat = np.ascontiguousarray(quads[:, :, :BYTES]).reshape(len(rows), -1)
    return [row.tobytes().rstrip(b"\0") for row in flat]
