from __future__ import annotations

from hashlib import sha256

import pytest
from wharfinger.audit.merkle import Tree, consistency, consistent, included, inclusion, node, roots

INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""The vectors that implementations of Certificate Transparency share: roots after 0, 1, … leaves."""
MOST = 40
LEAVES = [sha256(b"\x00%d" % number).digest() for number in range(MOST)]


def defined(leaves: list[bytes]) -> bytes:
    """The root, word for word as RFC 6962, 2.1, defines it."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256().digest()
    left = 1
    while left * 2 < len(leaves):
        left *= 2
    return sha256(b"\x01" + defined(leaves[:left]) + defined(leaves[left:])).digest()


def tree_of(leaves: list[bytes]) -> Tree:
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf)
    return tree


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_certificate_transparency(size: int) -> None:
    leaves = [sha256(b"\x00" + bytes.fromhex(text)).digest() for text in INPUTS[:size]]
    assert tree_of(leaves).root().hex() == ROOTS[size]


@pytest.mark.parametrize("size", range(MOST))
def test_a_tree_is_kept_in_few_hashes_and_goes_on_from_them(size: int) -> None:
    tree = tree_of(LEAVES[:size])
    assert tree.root() == defined(LEAVES[:size])
    assert len(tree.full) == size.bit_count()
    again, other = Tree(size, tree.full), tree.copy()
    again.append(LEAVES[-1])
    assert again.root() == defined([*LEAVES[:size], LEAVES[-1]])
    assert other.root() == tree.root() != again.root()


@pytest.mark.parametrize("full", [(), (b"x",), (b"x" * 32,), (b"x" * 32,) * 3])
def test_hashes_of_another_tree_are_refused(full: tuple[bytes, ...]) -> None:
    with pytest.raises(ValueError, match="3 leaves"):
        Tree(3, full)


@pytest.mark.parametrize("size", range(1, MOST))
def test_each_leaf_is_proved_and_no_other_passes(size: int) -> None:
    root = defined(LEAVES[:size])
    for index in range(size):
        proof = roots(LEAVES, inclusion(index, size))
        assert included(LEAVES[index], index, size, proof, root)
        assert not included(LEAVES[index - 1] if size > 1 else node(root, root), index, size, proof, root)
        assert not included(LEAVES[index], index, size, proof, LEAVES[-1])
        assert not included(LEAVES[index], index, size, [*proof, root], root)
        assert not included(LEAVES[index], index, size, proof[:-1], root) or not proof
        assert not included(LEAVES[index], index + size, size, proof, root)
        for place in range(len(proof)):
            wrong = [*proof[:place], LEAVES[-1], *proof[place + 1 :]]
            assert not included(LEAVES[index], index, size, wrong, root)


@pytest.mark.parametrize("size", range(MOST))
def test_each_beginning_is_proved_and_no_other_passes(size: int) -> None:
    root = defined(LEAVES[:size])
    for old in range(size + 1):
        before = defined(LEAVES[:old])
        proof = roots(LEAVES, consistency(old, size))
        assert consistent(old, size, before, root, proof)
        assert not consistent(old, size, LEAVES[-1], root, proof)
        assert not consistent(old, size, before, root, [*proof, root])
        if 0 < old < size:
            assert not consistent(old, size, before, LEAVES[-1], proof)
            assert not consistent(old, size, before, root, proof[:-1])
            for place in range(len(proof)):
                wrong = [*proof[:place], LEAVES[-1], *proof[place + 1 :]]
                assert not consistent(old, size, before, root, wrong)


def test_what_is_not_in_a_tree_has_no_proof() -> None:
    for index, size in ((-1, 3), (3, 3), (0, 0)):
        with pytest.raises(ValueError, match="not in a tree"):
            inclusion(index, size)
    with pytest.raises(ValueError, match="not the beginning"):
        consistency(4, 3)
    with pytest.raises(ValueError, match="fewer than 8 leaves"):
        roots(LEAVES[:7], [(4, 8)])


def test_a_proof_is_for_the_size_it_was_made_for() -> None:
    two = defined(LEAVES[:2])
    assert included(LEAVES[0], 0, 2, [LEAVES[1]], two)
    for size in (1, 3, 4, 5, 100):
        assert not included(LEAVES[0], 0, size, [LEAVES[1]], two), size
