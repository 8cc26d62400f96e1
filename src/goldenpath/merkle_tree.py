"""Merkle trees of RFC 6962: tree heads, inclusion proofs and consistency proofs, with SHA-256.

A proof is short: about 20 hashes for a million leaves. Whoever holds a tree head can check with it
that one leaf is in the tree, or that a later tree only added leaves.
"""

from collections.abc import Sequence
from hashlib import sha256

LEAF_MARK, NODE_MARK = b"\0", b"\1"
"""What is hashed before a leaf and before two nodes, so that none of both looks like the other."""


def leaf_hash(content: bytes) -> bytes:
    """Return the hash of a leaf."""
    return sha256(LEAF_MARK + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of the node above two others."""
    return sha256(NODE_MARK + left + right).digest()


EMPTY_ROOT = sha256().digest()
"""The tree head of no leaves."""


class GrowingTree:
    """A tree that grows by leaves at its end. It keeps the roots of its full subtrees only."""

    def __init__(self) -> None:
        self.size = 0
        self._full: list[bytes] = []
        """Roots of full subtrees, the largest first: one for each bit of the size."""

    def add(self, content: bytes) -> None:
        """Add one leaf."""
        node = leaf_hash(content)
        below = self.size
        while below & 1:
            node = node_hash(self._full.pop(), node)
            below >>= 1
        self._full.append(node)
        self.size += 1

    def root(self) -> bytes:
        """Return the tree head."""
        if not self._full:
            return EMPTY_ROOT
        node = self._full[-1]
        for left in reversed(self._full[:-1]):
            node = node_hash(left, node)
        return node


def tree_head(leaves: Sequence[bytes]) -> bytes:
    """Return the tree head over the hashes of leaves."""
    level = list(leaves)
    if not level:
        return EMPTY_ROOT
    while len(level) > 1:
        halves = zip(level[::2], level[1::2], strict=False)
        # Like `node_hash`, without a call for each of a hundred thousand nodes.
        pairs = [sha256(NODE_MARK + left + right).digest() for left, right in halves]
        # A node without a partner goes up as it is, which gives the shape of RFC 6962.
        level = pairs + level[len(pairs) * 2 :]
    return level[0]


def inclusion_proof(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Return the proof that the leaf at `index` is in the tree; the lowest node comes first."""
    if len(leaves) < 2:
        return ()
    half = _half(len(leaves))
    if index < half:
        return (*inclusion_proof(leaves[:half], index), tree_head(leaves[half:]))
    return (*inclusion_proof(leaves[half:], index - half), tree_head(leaves[:half]))


def consistency_proof(leaves: Sequence[bytes], old: int) -> tuple[bytes, ...]:
    """Return the proof that the tree of the first `old` leaves is the beginning of this one."""
    return _subproof(leaves, old, is_whole=True) if 0 < old < len(leaves) else ()


def _subproof(leaves: Sequence[bytes], old: int, *, is_whole: bool) -> tuple[bytes, ...]:
    if old == len(leaves):
        return () if is_whole else (tree_head(leaves),)
    half = _half(len(leaves))
    if old <= half:
        right = tree_head(leaves[half:])
        return (*_subproof(leaves[:half], old, is_whole=is_whole), right)
    left = tree_head(leaves[:half])
    return (*_subproof(leaves[half:], old - half, is_whole=False), left)


def _half(size: int) -> int:
    """Return the largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def root_of_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """Return the tree head that the proof leads to; None if it has the wrong shape.

    Source: RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size:
        return None
    place, last, node = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return None
        if place & 1 or place == last:
            node = node_hash(step, node)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            node = node_hash(node, step)
        place, last = place >> 1, last >> 1
    return node if last == 0 else None


def is_consistent(
    old: int, old_root: bytes, new: int, new_root: bytes, *, proof: Sequence[bytes]
) -> bool:
    """Whether the proof shows that the old tree is the beginning of the new one.

    Source: RFC 9162, section 2.1.4.2.
    """
    if old == new:
        return not proof and old_root == new_root
    if not 0 < old < new:
        return False
    # The first node is left out of the proof if the old tree is a full one.
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before = after = path[0]
    for step in path[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            before, after = node_hash(step, before), node_hash(step, after)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            after = node_hash(after, step)
        place, last = place >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root
