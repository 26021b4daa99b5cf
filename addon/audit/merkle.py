"""The Merkle tree of RFC 6962, 2.1, over the leaf hashes of a log: roots, proofs, and what proofs prove.

Rules: everything here is a function of hashes; a tree of n leaves is kept as the at most log2(n) + 1 roots
of its full subtrees, so that a log can grow for ever; a proof that is too long or too short proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

HASH_BYTES = 32

type Span = tuple[int, int]
"""Leaves from the first number up to, and without, the second."""


def node(left: bytes, right: bytes) -> bytes:
    """Hash of two subtrees."""
    return sha256(b"\x01" + left + right).digest()


class Tree:
    """A tree that leaves are added to."""

    __slots__ = ("_full", "size")

    def __init__(self, size: int = 0, full: Sequence[bytes] = ()) -> None:
        """An empty tree, or the one of `size` leaves whose full subtrees have these roots, largest first."""
        if len(full) != size.bit_count() or any(len(part) != HASH_BYTES for part in full):
            raise ValueError(f"a tree of {size} leaves is not kept in these {len(full)} hashes")
        self.size = size
        self._full = list(full)

    @property
    def full(self) -> tuple[bytes, ...]:
        """Roots of the full subtrees, largest first: all that has to be kept."""
        return tuple(self._full)

    def append(self, leaf: bytes) -> None:
        """Add the next leaf, given by its hash."""
        complete, full = self.size, self._full
        self.size += 1
        while complete & 1:
            leaf = node(full.pop(), leaf)
            complete >>= 1
        full.append(leaf)

    def root(self) -> bytes:
        """Hash of the whole tree."""
        if not self._full:
            return sha256().digest()
        root = self._full[-1]
        for part in reversed(self._full[:-1]):
            root = node(part, root)
        return root

    def copy(self) -> Tree:
        """The same tree, to go on from by itself."""
        return Tree(self.size, self._full)


def inclusion(index: int, size: int) -> list[Span]:
    """The subtrees whose roots prove that leaf `index` is in the tree of `size` leaves, in order of use."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size} leaves")
    spans: list[Span] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _left(end - start)
        if index < middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    return spans[::-1]


def consistency(old: int, size: int) -> list[Span]:
    """The subtrees whose roots prove that the tree of `old` leaves is the beginning of that of `size`."""
    if not 0 <= old <= size:
        raise ValueError(f"a tree of {old} leaves is not the beginning of one of {size}")
    spans: list[Span] = []
    start, end = 0, size
    while 0 < old < end:
        middle = start + _left(end - start)
        if old <= middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    if start:
        spans.append((start, end))
    return spans[::-1]


def _left(size: int) -> int:
    """Leaves of the left subtree: the largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def roots(leaves: Iterable[bytes], spans: Sequence[Span]) -> list[bytes]:
    """Roots of the (disjoint) subtrees over `spans`, in the order given; reads each leaf once.

    Raises ValueError where there are fewer leaves than that.
    """
    found: dict[Span, bytes] = {}
    waiting = sorted(spans, reverse=True)
    tree = Tree()
    for index, leaf in enumerate(leaves):
        if not waiting:
            break
        start, end = waiting[-1]
        if index >= start:
            tree.append(leaf)
        if index + 1 == end:
            found[waiting.pop()] = tree.root()
            tree = Tree()
    if waiting:
        raise ValueError(f"there are fewer than {max(end for _, end in waiting)} leaves")
    return [found[span] for span in spans]


def included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` shows that `leaf` is number `index` in the tree of `size` leaves with this `root`.

    As RFC 9162, 2.1.3.2.
    """
    if not 0 <= index < size:
        return False
    place, last, have = index, size - 1, leaf
    for part in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            have = node(part, have)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            have = node(have, part)
        place, last = place >> 1, last >> 1
    return last == 0 and have == root


def consistent(old: int, size: int, old_root: bytes, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that the tree of `old` leaves is the beginning of that of `size` leaves.

    As RFC 9162, 2.1.4.2.
    """
    if not 0 < old < size:
        same = old_root == root if old == size else old == 0 and old_root == sha256().digest()
        return same and not proof
    parts = [*([old_root] if old.bit_count() == 1 else ()), *proof]
    if not parts:
        return False
    place, last = old - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before = after = parts[0]
    for part in parts[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            before, after = node(part, before), node(part, after)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            after = node(after, part)
        place, last = place >> 1, last >> 1
    return last == 0 and before == old_root and after == root
