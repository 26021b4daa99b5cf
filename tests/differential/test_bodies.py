# ruff: noqa: E501 -- tables of vectors are read by their rows
"""Whatever body policy can read, others read alike: Python, Node and Go agree with it on every one.

Bodies are the recorded requests of SDKs, attacks, and some thousand that chance has mutated from them. Those
that are refused are nobody's concern; of those that are read, all readers must make the same. Numbers beyond
2^53 are one number to JavaScript where they are several to others (RFC 8259 6): they are compared as doubles
there. The servers' readers of forms that nest by brackets differ among themselves, so pairs are compared.
"""

from __future__ import annotations

import base64
import json
import math
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from wharfinger.rules.requests import bodies, strictjson
from wharfinger.rules.requests.refusal import Refused

HERE = Path(__file__).parent
CORPUS = HERE.parent / "corpus"
MUTANTS = 4_000
PIECES = [
    b'"', b"\\", b"\\u0000", b"\\ud83d\\ude00", b"\\ud800", b"{", b"}", b"[", b"]", b",", b":", b"1", b"-0", b"1e5",
    b"1E400", b"0.1", b"00", b"9007199254740993", b"9223372036854775807", b"9223372036854775808", b"1e-400",
    b"5e-324", b"null", b"true", b"NaN", b"\x00", b"\xff", b"\xc3\xa9", b"\xef\xbb\xbf", b"\xf0\x9f\x98\x80", b" ",
    b"\n", b"__proto__", b"&", b"=", b"+", b"%20", b"%00", b"%C3%A9", b"%zz", b";", b"%2", b"a[b]", b"\\/", b"\\b",
    b"\xe2\x80\xa8", b"\xc2\xa0", b"\t",
]  # fmt: skip
JSONS = [
    b"{}", b"[]", b"null", b"0", b"-0", b"1.0", b"1E+2", b"1e-7", b'"\\u0061"', b'"\\ud83d\\ude00"', b'{"a":{"b":[1,2.5]}}',
    b'{"__proto__":{"x":1},"constructor":1}', b'{"a":1,"A":2}', b"[9007199254740993,-9223372036854775808]",
    b'{"":1}', b'{"a\\u0000b":1}', b'"\xe2\x80\xa8"', b"[1e308,-1e308,5e-324]", b'"\\/\\b\\f\\n\\r\\t"', b' {"a" : [ ] } ',
    b'{"amount":100,"to":"bob"}',
]  # fmt: skip
FORMS = [
    b"a=1", b"a=1&b=2", b"a=", b"a", b"a=1&a=2", b"a=%20+b", b"a%5Bb%5D=1", b"a[b]=1&a[c]=2", b"=1", b"&&", b"a=b=c",
    b"a=%C3%A9", b"%61=1", b"a=%26", b"a=1;b=2", b"q=a?b", b"a=%0A",
]  # fmt: skip


def recorded() -> Iterator[tuple[str, bytes]]:
    for file in sorted(CORPUS.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            for text in _bodies(json.loads(line)):
                yield ("json" if text.lstrip()[:1] in {b"{", b"["} else "form"), text


def _bodies(entry: object) -> Iterator[bytes]:
    if isinstance(entry, dict):
        if isinstance(entry.get("body"), str) and entry["body"]:
            yield entry["body"].encode()
        for value in entry.values():
            yield from _bodies(value)


def mutated(chance: random.Random, data: bytes) -> bytes:
    """A few pieces put in, taken out or doubled."""
    for _ in range(chance.randint(1, 3)):
        at = chance.randint(0, len(data))
        match chance.randrange(3):
            case 0:
                data = data[:at] + chance.choice(PIECES) + data[at:]
            case 1:
                data = data[:at] + data[at + chance.randint(1, 3) :]
            case 2:
                end = min(len(data), at + chance.randint(1, 6))
                data = data[:end] + data[at:end] + data[end:]
    return data


def all_bodies() -> list[tuple[str, bytes]]:
    chance = random.Random(2026)
    seeds = [("json", data) for data in JSONS] + [("form", data) for data in FORMS]
    known = [each for each in recorded() if len(each[1]) < 4_000]
    assert known
    seeds += chance.sample(known, min(len(known), 200))
    made = [(kind, mutated(chance, data)) for kind, data in (chance.choice(seeds) for _ in range(MUTANTS))]
    return list(dict.fromkeys(seeds + made))


def ours(kind: str, data: bytes) -> Any:
    """What policy sees, or `Refused`."""
    if kind == "json":
        return strictjson.parse_json(data)
    return [list(pair) for pair in bodies.form_pairs(data)]


@pytest.fixture(scope="module")
def read_here() -> list[tuple[str, bytes, Any]]:
    """The bodies that can be read, and what policy sees in each."""
    found: list[tuple[str, bytes, Any]] = []
    refused = 0
    for kind, data in all_bodies():
        try:
            found.append((kind, data, ours(kind, data)))
        except Refused:
            refused += 1
    assert refused > 500
    assert min(sum(kind == k for kind, _, _ in found) for k in ("json", "form")) > 300
    return found


def asked(read: list[tuple[str, bytes, Any]], *command: str) -> list[Any]:
    lines = [json.dumps({"kind": kind, "data": base64.b64encode(data).decode()}) for kind, data, _ in read]
    done = subprocess.run(
        command, input="\n".join(lines) + "\n", capture_output=True, text=True, encoding="utf-8", check=True
    )
    answers = [json.loads(line) for line in done.stdout.split("\n") if line]
    assert len(answers) == len(read)
    return answers


def differences(
    read: list[tuple[str, bytes, Any]], answers: list[Any], same: Callable[[str, Any, Any], bool]
) -> list[tuple[bytes, Any]]:
    return [
        (data, said)
        for (kind, data, value), said in zip(read, answers, strict=True)
        if "error" in said or not same(kind, value, said["value"])
    ]


def equal(one: Any, other: Any, number: Callable[[Any, Any], bool]) -> bool:
    """Equal in structure, types of leaves and text; numbers as `number` compares them."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key], number) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(equal(a, b, number) for a, b in zip(one, other, strict=True))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return number(one, other)
    return type(one) is type(other) and one == other


def as_doubles(one: Any, other: Any) -> bool:
    return float(one) == float(other)


def by_name(pairs: list[list[str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def test_python_reads_what_policy_saw(read_here: list[tuple[str, bytes, Any]]) -> None:
    for kind, data, value in read_here:
        if kind == "json":
            assert equal(value, json.loads(data), lambda a, b: a == b), data
        else:
            pairs = parse_qsl(data.decode("ascii"), keep_blank_values=True, strict_parsing=False)
            assert value == [list(pair) for pair in pairs], data


def test_node_reads_what_policy_saw(read_here: list[tuple[str, bytes, Any]]) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    answers = asked(read_here, node, str(HERE / "readers" / "read.mjs"))
    assert differences(read_here, answers, lambda _, a, b: equal(a, b, as_doubles)) == []


def test_go_reads_what_policy_saw(read_here: list[tuple[str, bytes, Any]], tmp_path: Path) -> None:
    go = shutil.which("go")
    if go is None:
        pytest.skip("go is not installed")
    built = tmp_path / "read"
    environment = {
        **os.environ,
        "GOFLAGS": "-mod=mod",
        "GO111MODULE": "off",
        "GOCACHE": str(tmp_path / "cache"),
    }
    subprocess.run(
        [go, "build", "-o", str(built), str(HERE / "readers" / "read.go")], env=environment, check=True
    )
    answers = asked(read_here, str(built))

    def same(kind: str, value: Any, said: Any) -> bool:
        if kind == "form":
            return by_name(value) == said
        return equal(value, said, lambda a, b: a == b or math.isclose(a, b, rel_tol=0))

    assert differences(read_here, answers, same) == []


def test_a_lenient_reader_would_be_seen() -> None:
    """The first of two keys counts for some and the last for others: that is why such bodies are refused."""
    twice = b'{"a":1,"a":2}'
    first = json.loads(twice, object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    assert not equal(first, json.loads(twice), as_doubles)
    with pytest.raises(Refused):
        strictjson.parse_json(twice)
