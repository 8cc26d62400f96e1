"""Merkle trees of RFC 6962, against its definition and against each way to cheat."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldenpath.merkle_tree import (
    EMPTY_ROOT,
    GrowingTree,
    consistency_proof,
    inclusion_proof,
    is_consistent,
    leaf_hash,
    root_of_inclusion,
    tree_head,
)
from tests.sizes import examples

CONTENTS = [bytes([number]) * number for number in range(40)]
LEAVES = [leaf_hash(each) for each in CONTENTS]


def defined(leaves: list[bytes]) -> bytes:
    """The tree head word for word as RFC 6962, section 2.1 defines it."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    left, right = defined(leaves[:half]), defined(leaves[half:])
    return hashlib.sha256(b"\1" + left + right).digest()


@pytest.mark.parametrize("size", range(34))
def test_tree_heads_are_those_of_the_definition(size: int) -> None:
    tree = GrowingTree()
    for content in CONTENTS[:size]:
        tree.add(content)

    assert tree.root() == tree_head(LEAVES[:size]) == defined(LEAVES[:size])
    assert tree.size == size


def test_known_tree_heads() -> None:
    """The vectors that Certificate Transparency publishes with its reference implementation."""
    inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
    leaves = [leaf_hash(bytes.fromhex(each)) for each in inputs]

    assert EMPTY_ROOT.hex().startswith("e3b0c44298fc1c14")
    assert leaves[0].hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert tree_head(leaves[:2]).hex().startswith("fac54203e7cc696cf0dfcb42c92a1d9d")


def test_every_leaf_of_every_small_tree_is_proven_and_no_other() -> None:
    for size in range(1, 18):
        leaves = LEAVES[:size]
        root = tree_head(leaves)
        for index, leaf in enumerate(leaves):
            proof = inclusion_proof(leaves, index)
            assert root_of_inclusion(leaf, index, size, proof) == root
            assert root_of_inclusion(leaf_hash(b"other"), index, size, proof) != root
            assert root_of_inclusion(leaf, (index + 1) % size, size, proof) != root or size == 1
            assert root_of_inclusion(leaf, index, size, (*proof, leaf)) != root


def test_every_beginning_of_every_small_tree_is_proven_and_no_other() -> None:
    for new in range(1, 18):
        leaves = LEAVES[:new]
        for old in range(1, new + 1):
            proof = consistency_proof(leaves, old)
            before, after = tree_head(leaves[:old]), tree_head(leaves)
            other = tree_head([*leaves[: old - 1], leaf_hash(b"other")])
            assert is_consistent(old, before, new, after, proof=proof)
            assert not is_consistent(old, other, new, after, proof=proof)
            assert not is_consistent(old, before, new, after, proof=(*proof, before))


@given(st.integers(1, 40), st.data())
@examples(25, 500)
def test_one_flipped_bit_in_a_proof_is_found(size: int, data: st.DataObject) -> None:
    leaves = LEAVES[:size]
    index = data.draw(st.integers(0, size - 1))
    proof = list(inclusion_proof(leaves, index))
    if not proof:
        return
    place = data.draw(st.integers(0, len(proof) - 1))
    bit = data.draw(st.integers(0, 255))
    proof[place] = (int.from_bytes(proof[place], "big") ^ 1 << bit).to_bytes(32, "big")

    assert root_of_inclusion(leaves[index], index, size, proof) != tree_head(leaves)
