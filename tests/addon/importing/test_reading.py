"""Vendors' documents are read as JSON would have them, whatever YAML could make of them."""

from __future__ import annotations

import gzip
import json

import pytest
from wharfinger.importing import reading
from wharfinger.importing.operations import ImportFault


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ("a: 1\nb: [x, 'y', 1.5, true, null]", {"a": 1, "b": ["x", "y", 1.5, True, None]}),
        ("200: x\non: no", {"200": "x", "on": "no"}),
        ("v: 2026-01-14\nt: 12:30\no: 0123", {"v": "2026-01-14", "t": "12:30", "o": "0123"}),
        ("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}),
        ("a: &x {b: 1}\nc: {<<: *x, d: 2}", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
        ("a: !!python/object:os.system x", {"a": "x"}),
        ("\ufeffa: 1", {"a": 1}),
    ],
)
def test_documents(text: str, value: object) -> None:
    assert reading.document(text.encode(), "x") == value


def test_packed_documents() -> None:
    assert reading.document(gzip.compress(json.dumps({"a": 1}).encode()), "x") == {"a": 1}


@pytest.mark.parametrize(
    "data",
    [
        b"{", b"[1]", b"a: [", b"\xff", b"a: &x [*x]", b"a: *x", b"? [a]\n: b", b"", b"x",
        b'{"a":' * 100_000, gzip.compress(b"{}", mtime=0)[:-4],
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_a_fault(data: bytes) -> None:
    with pytest.raises(ImportFault, match='"x"'):
        reading.document(data, "x")


def test_what_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_BYTES", 1000)
    with pytest.raises(ImportFault, match="more than 1000 bytes"):
        reading.document(gzip.compress(b" " * 5000), "x")
