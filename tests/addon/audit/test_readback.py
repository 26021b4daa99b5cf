"""What is read back before it is signed: each line, its place, and the end, each check by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from wharfinger.audit.chain import GENESIS, leaf_of, link, seal
from wharfinger.audit.errors import BookDamaged
from wharfinger.audit.folder import Folder
from wharfinger.audit.merkle import Tree
from wharfinger.audit.published import Position
from wharfinger.audit.readback import ReadBack


def chained(count: int) -> list[bytes]:
    lines, prev = [], GENESIS
    for seq in range(count):
        lines.append(seal(b'{"version":1,"seq":%d,"prev":"%b","kind":"notice"}' % (seq, prev.encode())))
        prev = link(lines[-1])
    return lines


@pytest.fixture
def read(tmp_path: Path) -> Iterator[Callable[..., Tree]]:
    """Reads lines back from a file, up to the position behind them, or another."""
    (tmp_path / "audit").mkdir(mode=0o700)
    folder = Folder.open(tmp_path / "audit")
    opened: list[ReadBack] = []

    def build(lines: list[bytes], **changes: object) -> Tree:
        path = tmp_path / "audit" / "book-000001.jsonl"
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        path.chmod(0o600)
        values = {"log": "a", "segment": 1, "length": path.stat().st_size, "seq": len(lines),
                  "prev": link(lines[-1])}  # fmt: skip
        opened.append(ReadBack.begin(folder))
        for _ in opened[-1].advance(Position(**{**values, **changes})):  # type: ignore[arg-type]
            pass
        return opened[-1].tree

    yield build
    for reading in opened:
        reading.close()
    folder.close()


def test_what_is_as_it_was_written_gives_its_tree(read: Callable[..., Tree]) -> None:
    lines, tree = chained(9), Tree()
    for line in lines:
        tree.append(leaf_of(line))
    assert read(lines).root() == tree.root()


def test_a_line_must_give_its_own_leaf_though_all_links_fit(read: Callable[..., Tree]) -> None:
    lines = chained(3)
    lines[2] = lines[2].replace(b"notice", b"intent")
    with pytest.raises(BookDamaged, match="event 2: its bytes were changed"):
        read(lines)


@pytest.mark.parametrize(
    "line",
    [
        b'{"version":1,"seq":2,"prev":"%b","kind":"notice"}' % (b"0" * 64),
        b'{"version":1,"seq":3,"prev":"%b","kind":"notice"}' % link(chained(2)[-1]).encode(),
        b'{"version":2,"seq":2,"prev":"%b","kind":"notice"}' % link(chained(2)[-1]).encode(),
        b'{"seq":2,"prev":"%b","version":1}' % link(chained(2)[-1]).encode(),
    ],
)
def test_a_line_must_stand_where_it_says(read: Callable[..., Tree], line: bytes) -> None:
    with pytest.raises(BookDamaged, match="event 2: it does not follow"):
        read([*chained(2), seal(line)])


@pytest.mark.parametrize("changes", [{"prev": "f" * 64}, {"seq": 4}])
def test_the_end_must_be_the_one_that_was_written(
    read: Callable[..., Tree], changes: dict[str, object]
) -> None:
    with pytest.raises(BookDamaged, match="does not end as it was written"):
        read(chained(3), **changes)


def test_a_file_must_not_be_shorter_or_end_within_a_line(read: Callable[..., Tree]) -> None:
    lines = chained(3)
    size = sum(len(line) + 1 for line in lines)
    with pytest.raises(BookDamaged, match=f"ends before byte {size + 9}"):
        read(lines, length=size + 9)
    with pytest.raises(BookDamaged, match="has no end"):
        read(lines, length=size - 1)
