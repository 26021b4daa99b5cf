from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wharfinger.audit.chain import GENESIS, Broken, Walk, ascii_json, body_of, leaf_hash, link, seal

HEADER = b'{"version":1,"seq":0,"prev":"' + GENESIS.encode() + b'","kind":"segment","log":"L","segment":1}'


def test_the_stored_form_is_the_documented_one() -> None:
    line = seal(b'{"version":1}')
    leaf = hashlib.sha256(b'\x00{"version":1}').hexdigest()
    assert line == b'{"version":1,"leaf":"' + leaf.encode() + b'"}'
    assert leaf_hash(b'{"version":1}') == leaf
    assert body_of(line) == b'{"version":1}'
    assert link(line) == hashlib.sha256(line).hexdigest()


@given(st.integers(0, len(seal(HEADER)) - 1), st.integers(1, 255))
def test_any_changed_byte_of_a_line_breaks_it(at: int, flip: int) -> None:
    line = bytearray(seal(HEADER))
    line[at] ^= flip
    with pytest.raises(Broken):
        body_of(bytes(line))


@pytest.mark.parametrize("line", [b"", b"{}", b'{"leaf":"x"}', b"\x00" * 200, b'{"a":1}' * 30])
def test_what_is_no_stored_event_is_broken(line: bytes) -> None:
    with pytest.raises(Broken):
        body_of(line)


@given(st.text())
def test_stored_text_is_printable_ascii_and_means_the_same(text: str) -> None:
    stored = ascii_json(json.dumps(text, ensure_ascii=False).encode("utf-8", "replace"))
    assert all(0x20 <= byte < 0x7F for byte in stored)
    assert json.loads(stored) == text.encode("utf-8", "replace").decode()


def event(seq: int, prev: str, **members: object) -> bytes:
    return seal(json.dumps({"version": 1, "seq": seq, "prev": prev, "kind": "started", **members}).encode())


@pytest.mark.parametrize(
    ("members", "what"),
    [
        ({"seq": 2}, "sequence number is 2, not 1"),
        ({"seq": 1.0}, "sequence number is 1.0"),
        ({"seq": True}, "sequence number is True"),
        ({"prev": "0" * 64}, "does not follow"),
        ({"version": 2}, "format version 1"),
        ({"kind": "segment"}, "first line"),
    ],
)
def test_a_line_must_continue_the_one_before(members: dict[str, object], what: str) -> None:
    first = seal(HEADER)
    walk = Walk(seq=0, prev=GENESIS)
    walk.step(first, 1, True)
    with pytest.raises(Broken, match=what):
        walk.step(event(**{"seq": 1, "prev": link(first), **members}), 1, False)  # type: ignore[arg-type]
    walk.step(event(1, link(first)), 1, False)
    assert (walk.seq, walk.log) == (2, "L")


@pytest.mark.parametrize(
    ("members", "what"),
    [
        ({"segment": 2}, "of file 2, not 1"),
        ({"log": 3}, "names no log"),
        ({"kind": "started"}, "first line"),
    ],
)
def test_a_header_must_be_of_this_file(members: dict[str, object], what: str) -> None:
    line = seal(json.dumps({**json.loads(HEADER), **members}).encode())
    with pytest.raises(Broken, match=what):
        Walk(seq=0, prev=GENESIS).step(line, 1, True)


def test_a_header_of_another_log_is_told() -> None:
    with pytest.raises(Broken, match="another log"):
        Walk(seq=0, prev=GENESIS, log="M").step(seal(HEADER), 1, True)
