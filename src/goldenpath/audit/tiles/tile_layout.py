"""Tiles of a Merkle tree as files (C2SP `tlog-tiles`). Pure functions.

    tile/LEVEL/INDEX[.p/WIDTH]      up to 256 hashes of the level 8 * LEVEL of the tree
    tile/entries/INDEX[.p/WIDTH]    up to 256 leaves, each with its length before it

A full tile never changes, so it can be kept for ever by whoever read it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from goldenpath.errors import NotFound, VerificationError
from goldenpath.merkle_tree import node_hash, tree_head

WIDTH = 256
"""Hashes of a full tile."""
LONGEST_ENTRY = 65_535
"""The most bytes of a leaf in a tile of entries; its length has two bytes."""
_HEIGHT = 8
_HASH = 32


def tile_path(level: int, index: int, width: int = WIDTH) -> str:
    """Return the path of a tile of hashes."""
    return f"tile/{level}/{_index(index)}{_partial(width)}"


def entries_path(index: int, width: int = WIDTH) -> str:
    """Return the path of a tile of leaves."""
    return f"tile/entries/{_index(index)}{_partial(width)}"


def _index(index: int) -> str:
    """Return an index in groups of three digits, all but the last one with an `x`."""
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03}")
    return "/".join(reversed(groups))


def _partial(width: int) -> str:
    return "" if width == WIDTH else f".p/{width}"


def hash_tiles(leaves: Sequence[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield the path and the content of every tile over the hashes of leaves."""
    level, hashes = 0, list(leaves)
    while hashes:
        for start in range(0, len(hashes), WIDTH):
            rows = hashes[start : start + WIDTH]
            yield tile_path(level, start // WIDTH, len(rows)), b"".join(rows)
        full = range(0, len(hashes) - WIDTH + 1, WIDTH)
        level, hashes = level + 1, [tree_head(hashes[start : start + WIDTH]) for start in full]


def entry_tile(entries: Sequence[bytes]) -> bytes | None:
    """Return the content of a tile of leaves; None if one of them is too long for it."""
    if any(len(each) > LONGEST_ENTRY for each in entries):
        return None
    return b"".join(len(each).to_bytes(2, "big") + each for each in entries)


@dataclass(frozen=True, slots=True)
class TiledTree:
    """A tree of a size that is read from its tiles, a few of them for each proof."""

    size: int
    read: Callable[[str], bytes]
    """Returns the content of a tile by its path. Raises `NotFound`."""

    def root(self) -> bytes:
        """Return the tree head."""
        return self._root(0, self.size) if self.size else tree_head(())

    def inclusion(self, index: int) -> tuple[bytes, ...]:
        """Return the proof that a leaf is in the tree; the lowest node comes first.

        Raises `NotFound` if the tree has no such leaf.
        """
        if not 0 <= index < self.size:
            raise NotFound(f"the tree has {self.size} leaves, and no leaf {index}")
        proof, start, end = list[bytes](), 0, self.size
        while end - start > 1:
            middle = start + _half(end - start)
            if index < middle:
                proof.append(self._root(middle, end))
                end = middle
            else:
                proof.append(self._root(start, middle))
                start = middle
        return tuple(reversed(proof))

    def consistency(self, old: int) -> tuple[bytes, ...]:
        """Return the proof that the tree of the first `old` leaves is the beginning of this one.

        Raises `NotFound` if the tree was never so small, or is not so large.
        """
        if not 0 < old <= self.size:
            raise NotFound(f"the tree has {self.size} leaves: it had never {old}")
        proof, start, end, is_whole = list[bytes](), 0, self.size, True
        while old < end:
            middle = start + _half(end - start)
            if old <= middle:
                proof.append(self._root(middle, end))
                end = middle
            else:
                proof.append(self._root(start, middle))
                start, is_whole = middle, False
        if not is_whole:
            proof.append(self._root(start, end))
        return tuple(reversed(proof))

    def _root(self, start: int, end: int) -> bytes:
        size = end - start
        if size & (size - 1) == 0 and start % size == 0:
            return self._node(size.bit_length() - 1, start // size)
        middle = start + _half(size)
        return node_hash(self._root(start, middle), self._root(middle, end))

    def _node(self, height: int, index: int) -> bytes:
        """Return the root of a full subtree of `2 ** height` leaves, from one tile."""
        level, inside = divmod(height, _HEIGHT)
        first = index << inside
        tile, row = divmod(first, WIDTH)
        width = min(WIDTH, (self.size >> (_HEIGHT * level)) - tile * WIDTH)
        path = tile_path(level, tile, width)
        content = self.read(path)
        if len(content) != width * _HASH:
            raise VerificationError(f"the tile {path} has {len(content)} bytes")
        hashes = [content[at : at + _HASH] for at in range(0, len(content), _HASH)]
        return tree_head(hashes[row : row + (1 << inside)])


def _half(size: int) -> int:
    """Return the largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1
