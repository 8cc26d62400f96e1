"""Tiles: their paths, and proofs that are read from them are those of the whole tree."""

import random

import pytest

from goldenpath.audit.tiles.tile_layout import (
    TiledTree,
    entries_path,
    entry_tile,
    hash_tiles,
    tile_path,
)
from goldenpath.errors import NotFound, VerificationError
from goldenpath.merkle_tree import (
    consistency_proof,
    inclusion_proof,
    is_consistent,
    leaf_hash,
    root_of_inclusion,
    tree_head,
)
from tests.sizes import at_size

LEAVES = [leaf_hash(str(number).encode()) for number in range(70_000)]
SIZES = (1, 2, 3, 255, 256, 257, 511, 512, 513, 1000, 65_535, 65_536, 65_537, 70_000)


def tiled(size: int) -> TiledTree:
    tiles = dict(hash_tiles(LEAVES[:size]))
    return TiledTree(size, tiles.__getitem__)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (tile_path(0, 0), "tile/0/000"),
        (tile_path(1, 999, 3), "tile/1/999.p/3"),
        (tile_path(2, 1000), "tile/2/x001/000"),
        (entries_path(1_234_067), "tile/entries/x001/x234/067"),
        (entries_path(1_234_067, 8), "tile/entries/x001/x234/067.p/8"),
    ],
)
def test_paths_are_those_of_the_standard(path: str, text: str) -> None:
    assert path == text


def test_a_tree_of_a_size_has_these_tiles() -> None:
    assert list(dict(hash_tiles(LEAVES[:0]))) == []
    assert list(dict(hash_tiles(LEAVES[:256]))) == ["tile/0/000", "tile/1/000.p/1"]
    assert list(dict(hash_tiles(LEAVES[:70_000])))[-4:] == [
        "tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1",
    ]  # fmt: skip


@pytest.mark.parametrize("size", SIZES)
def test_head_and_proofs_from_tiles_are_those_of_the_whole_tree(size: int) -> None:
    tree, random_ = tiled(size), random.Random(size)  # noqa: S311, no secret
    leaves, few = LEAVES[:size], at_size(3, 40)
    assert tree.root() == tree_head(leaves)
    for index in {0, size - 1, *(random_.randrange(size) for _ in range(few))}:
        assert tree.inclusion(index) == inclusion_proof(leaves, index)
        assert root_of_inclusion(LEAVES[index], index, size, tree.inclusion(index)) == tree.root()
    for old in {1, size, *(random_.randint(1, size) for _ in range(few))}:
        proof = tree.consistency(old)
        assert proof == consistency_proof(leaves, old)
        assert is_consistent(old, tree_head(LEAVES[:old]), size, tree.root(), proof=proof)


def test_a_leaf_or_a_size_that_the_tree_does_not_have_is_refused() -> None:
    tree = tiled(300)

    for index in (-1, 300):
        with pytest.raises(NotFound):
            tree.inclusion(index)
    for old in (0, 301):
        with pytest.raises(NotFound):
            tree.consistency(old)


def test_another_hash_in_a_tile_gives_another_head() -> None:
    tiles = dict(hash_tiles(LEAVES[:300]))
    whole = TiledTree(300, tiles.__getitem__).root()

    for path in ("tile/0/001.p/44", "tile/1/000.p/1"):
        bent = {**tiles, path: bytes([tiles[path][0] ^ 1]) + tiles[path][1:]}
        assert TiledTree(300, bent.__getitem__).root() != whole
    short = {**tiles, "tile/0/001.p/44": tiles["tile/0/001.p/44"][:-1]}
    with pytest.raises(VerificationError):
        TiledTree(300, short.__getitem__).root()


def test_leaves_have_their_length_before_them_and_no_leaf_is_cut() -> None:
    assert entry_tile([b"a", b"", b"x" * 258]) == b"\0\1a\0\0\1\2" + b"x" * 258
    assert entry_tile([b"x" * 65_535]) is not None
    assert entry_tile([b"x" * 65_536]) is None
