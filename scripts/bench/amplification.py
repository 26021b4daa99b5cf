#!/usr/bin/env python3
"""What an input costs beside its size: memory, and processor time beside a harmless input as large.

Each input is among the worst that are known for the part of the proxy that reads it; the part is the real
one: a decision whole with the event that tells of it, the decoder and the redaction of an answer, the frames
of one message of a WebSocket. (Each message, like each request, is decided by itself, and nothing more is
read meanwhile.) For every input and size the table says

- memory: by how much the process grew at most (in a child of its own), less ALLOWANCE, as a multiple of the
  input;
- time: processor time, less PATIENCE, as a multiple of what it takes to pass on as many bytes of a plain body
  (about BYTE_NS each, both sides' TLS included: docs/performance.md has 100 MB/s and more for streams);
- growth: of the time, when the input was made four times as large; 4 is in proportion to it.

Exits 1 where memory or time is above LIMIT; with `--memory`, which is for busy machines, only for memory.
Usage: scripts/bench/amplification.py [--short | --memory]
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import gzip
import io
import json
import os
import random
import struct
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import brotli
from wharfinger.audit import events
from wharfinger.audit.event import Who
from wharfinger.audit.render import render
from wharfinger.flow.websocket_frames import Broken, ConnectionType, Frames
from wharfinger.rules.configuration import Configuration, Sources, load
from wharfinger.rules.decide import decide
from wharfinger.rules.redact.body import BodyRedactor
from wharfinger.rules.redact.decode import Undecodable
from wharfinger.rules.redact.fields import FieldPath, Unredactable, redact_fields
from wharfinger.rules.redact.secrets import SecretSet
from wharfinger.rules.requests.placeholders import Placeholders
from wharfinger.rules.types import Facts, Request

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LIMIT = 100.0
ALLOWANCE = 12 << 20
"""Bytes that any input may take: a window of zstd (8 MiB), pieces, what is made at first use."""
PATIENCE = 0.02
"""Seconds that any input may take: what 1 MiB takes, which any answer may grow to."""
BYTE_NS = 10.0
SIZES = (64 << 10, 256 << 10, 1 << 20)
SHORT = SIZES[:2]
HOST = "api.example.com"
NOW = datetime(2026, 1, 14, 12, 0, tzinfo=UTC)
NOISE = random.Random(1).randbytes(1 << 20)
FILES = {
    "wharfinger.yaml": "version: 1",
    "agents.yaml": "agents: {bot: {owner: alice, policies: [main]}}",
    "people.yaml": "people: {alice: {email: alice@example.com}}",
    "tools/things.yaml": f"""
api: things
base: https://{HOST}
tools:
  - tool: put
    effect: write
    input:
      v: {{type: string, required: false}}
      l: {{type: array, required: false}}
      o: {{type: object, required: false}}
    run: {{method: POST, url: /json, body: {{v: "${{v}}", l: "${{l}}", o: "${{o}}"}}, extra: allow}}
  - tool: form
    effect: write
    run: {{method: POST, url: /form, encoding: form, body: {{v: "${{v}}"}}, extra: allow}}
  - tool: file
    effect: write
    run: {{method: POST, url: /file, encoding: multipart, body: {{v: "${{v}}"}}, extra: allow}}
  - tool: get
    effect: read
    run: {{method: GET, url: "/get/${{rest...}}", extra: allow}}
  - tool: rpc
    effect: read
    run: {{type: jsonrpc, url: /rpc, method: item.get, params: {{id: "${{id}}"}}}}
  - tool: graph
    effect: read
    run: {{type: graphql, url: /graphql, operation: query, field: node, args: {{id: "${{id}}"}}}}
""",
    "policies/main.yaml": """
policy: main
allow:
  - {tool: put, when: 'given("v") || given("l") || given("o")'}
  - {tool: "*"}
deny_patterns: ['(x+x+)+y', '(a|aa)+$', '[A-Z]{0,50}[0-9]{16}', 'sk_live_[A-Za-z0-9]{24}']
""",
}

type Work = Callable[[bytes], object]
type Make = Callable[[int], bytes]


def configuration() -> Configuration:
    return load(Sources({name: text.encode() for name, text in FILES.items()}, {}))


CONFIGURATION = configuration()
FACTS = Facts(Placeholders({}), agent_id="agt_1")
SECRETS = SecretSet.of({f"sk_live_{NOISE[n * 20 : n * 20 + 12].hex()}": f"KEY{n}" for n in range(50)})


# The parts that read what comes from outside.


def decided(method: str, path: str, media: str) -> Work:
    """A decision whole, and the event that tells of it."""

    def work(body: bytes) -> object:
        headers = (("Host", HOST), ("Content-Type", media), ("Content-Length", str(len(body))))
        return told(Request("bot", method, "https", HOST, 443, path, headers, body))

    return work


def told(request: Request) -> object:
    decision = decide(CONFIGURATION, request, FACTS, NOW)
    return render(events.refused("d_1", Who("bot", "agt_1"), request, decision), b"k" * 32)


def targeted(data: bytes) -> object:
    """The target is what is large."""
    return told(Request("bot", "GET", "https", HOST, 443, f"/get/{data.decode()}", (("Host", HOST),), b""))


def headed(data: bytes) -> object:
    """The header fields are: a name and a value in each line."""
    fields = tuple(tuple(line.partition(": ")[::2]) for line in data.decode().split("\n"))
    return told(Request("bot", "GET", "https", HOST, 443, "/get/1", (("Host", HOST), *fields), b""))  # type: ignore[arg-type]


def answered(coding: str) -> Work:
    """The body of an answer, as it comes from the socket."""

    def work(body: bytes) -> object:
        redactor, passed = BodyRedactor(SECRETS, coding), 0
        with contextlib.suppress(Undecodable):
            for at in range(0, len(body), 65_536):
                for piece in redactor.pieces(body[at : at + 65_536]):
                    passed += len(piece)
            passed += len(redactor.finish())
        return passed

    return work


def masked(body: bytes) -> object:
    """The fields of an answer."""
    with contextlib.suppress(Unredactable):
        return redact_fields(body, [FieldPath.compile("$..a"), FieldPath.compile("$.a[*].b")], 1 << 20)
    return None


class Wide:
    """Room without an end."""

    def take(self, size: int) -> bool:
        return True

    def give_back(self, size: int) -> None:
        """It has no end."""


def framed(data: bytes) -> object:
    """What an agent says on a WebSocket."""
    frames, count = Frames(ConnectionType.SERVER, 1 << 20, Wide()), 0
    with contextlib.suppress(Broken):
        frames.receive(data)
        while frames.next() is not None:
            count += 1
    return count


# What is made for them.


def repeated(text: str) -> Make:
    return lambda size: (text * (size // len(text) + 1)).encode()[:size]


def between(begin: str, text: str, end: str) -> Make:
    return lambda size: (begin + text * ((size - len(begin) - len(end)) // len(text)) + end).encode()


def numbered(begin: str, item: str, end: str, separator: str = ",") -> Make:
    """Items that all differ."""

    def make(size: int) -> bytes:
        count = max(1, size // (len(item) + len(separator) + 3))
        return (begin + separator.join(item.replace("#", str(n)) for n in range(count)) + end).encode()

    return make


def nested(begin: str, open_: str, close: str, end: str) -> Make:
    def make(size: int) -> bytes:
        depth = (size - len(begin) - len(end)) // (len(open_) + len(close))
        return (begin + open_ * depth + close * depth + end).encode()

    return make


def bomb(compress: Callable[[bytes], bytes], ratio: int) -> Make:
    """Compressed bytes of about this size, of zeros: `ratio` is what the coding makes of them at most."""

    def make(size: int) -> bytes:
        return compress(bytes(min(size * ratio, 256 << 20)))[:size]

    return make


def noisy(compress: Callable[[bytes], bytes]) -> Make:
    return lambda size: compress(NOISE[:size])


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data, 6)


def many_members(size: int) -> bytes:
    member = gzip.compress(b"", 1)
    return member * (size // len(member))


def zstd_frames(size: int) -> bytes:
    frame = zstd.compress(b"")
    return frame * (size // len(frame))


def zstd_window(size: int) -> bytes:
    """The largest window that is taken, for next to nothing."""
    options = {zstd.CompressionParameter.window_log: 23, zstd.CompressionParameter.checksum_flag: 0}
    return zstd.compress(bytes(9 << 20), options=options) + NOISE[:0] + zstd_frames(size)


def multipart(part: str) -> Make:
    def make(size: int) -> bytes:
        made = io.StringIO()
        number = 0
        while made.tell() < size - 20:
            made.write("--b\r\n" + part.replace("#", str(number)) + "\r\n")
            number += 1
        return (made.getvalue() + "--b--\r\n").encode()

    return make


def asked(fields: str, more: str = "") -> bytes:
    """A GraphQL request."""
    return json.dumps({"query": f"query {{ {fields} }} {more}"}).encode()


def fragments(payload: bytes) -> Make:
    """Frames of a message that does not end, each with so little in it."""

    def make(size: int) -> bytes:
        head = struct.pack("!BB4x", 0x00, 0x80 | len(payload)) + payload
        return struct.pack("!BB4x", 0x02, 0x80) + head * (size // len(head))

    return make


JSON, FORM = "application/json", "application/x-www-form-urlencoded"
FILE = "multipart/form-data; boundary=b"
FIELD = "Content-Disposition: form-data; name="
CALL = '{"jsonrpc":"2.0","method":"item.get","id":'
PUT, RPC, GRAPH = (decided("POST", path, JSON) for path in ("/json", "/rpc", "/graphql"))
POSTED, FILED = decided("POST", "/form", FORM), decided("POST", "/file", FILE)


@dataclass(frozen=True)
class Part:
    """A part of the proxy, what is harmless for it, and the worst that is known."""

    name: str
    work: Work
    harmless: Make
    worst: dict[str, Make]


PARTS = (
    Part("JSON body", PUT, between('{"v":"', "b", '"}'), {
        "nested lists": nested('{"l":', "[", "]", "}"),
        "nested objects": nested('{"o":', '{"a":', "}", ""),
        "empty lists": between('{"l":[[]', ",[]", "]}"),
        "empty objects": between('{"l":[{}', ",{}", "]}"),
        "short numbers": between('{"l":[1', ",1", "]}"),
        "one long number": between('{"v":1', "1", "}"),
        "long exponent": between('{"v":1e', "9", "}"),
        "many keys": numbered('{"v":1,', '"k#":1', "}"),
        "the same key": between('{"v":1', ',"v":1', "}"),
        "escapes": between('{"v":"', "\\u0041", '"}'),
        "surrogates": between('{"v":"', "\\ud83d\\ude00", '"}'),
        "not closed": repeated('{"v":['),
        "for the patterns": between('{"v":"', "xxxxxxxxaaaaaaaaAAAAAAAA", '"}'),
        "like base64": between('{"v":"', "c2tfbGl2ZV9h", '"}'),
    }),
    Part("form body", POSTED, between("v=", "b", ""), {
        "many fields": numbered("v=1&", "k#=1", "", "&"),
        "empty fields": between("v=1", "&", ""),
        "nested names": between("v=1&a", "[b]", "=1"),
        "escapes": between("v=", "%41", ""),
        "double escapes": between("v=", "%2541", ""),
    }),
    Part("multipart body", FILED, multipart(f'{FIELD}"v"\r\n\r\n' + "b" * 4000), {
        "many parts": multipart(f'{FIELD}"k#"\r\n\r\n1'),
        "many header lines": multipart(f'{FIELD}"k#"' + "\r\nX: 1" * 50 + "\r\n\r\n1"),
        "near boundaries": lambda size: (b"--b\r\nContent-Disposition: form-data; name=v\r\n\r\n"
                                         + b"\r\n--" * (size // 4) + b"\r\n--b--\r\n"),
        "not closed": repeated("--b\r\n"),
    }),
    Part("GraphQL", GRAPH, lambda size: asked('node(id: "%s") {id}' % ("b" * size)), {
        "aliases": lambda size: asked(numbered("", 'a#: node(id: "1") {id}', "", " ")(size).decode()),
        "aliases below": lambda size: asked(numbered('node(id: "1") {', "a#: id", "}", " ")(size).decode()),
        "depth": lambda size: asked(nested("a", "{a", "}", "")(size).decode()),
        "fragments": lambda size: asked(
            'node(id: "1") {...f0}', numbered("", "fragment f# on N {...g# ...g#}", "", " ")(size).decode()
        ),
        "lists": lambda size: asked("node(id: " + "[" * (size // 2) + "]" * (size // 2) + ") {id}"),
        "directives": lambda size: asked('node(id: "1") ' + "@a " * (size // 3) + "{id}"),
    }),
    Part("JSON-RPC", RPC, between(f'{CALL}1,"params":{{"id":"', "b", '"}}'), {
        "a batch": numbered("[", f'{CALL}#,"params":{{"id":"1"}}}}', "]"),
        "a batch of nothing": between("[{}", ",{}", "]"),
    }),
    Part("target", targeted, repeated("b"), {
        "many segments": repeated("a/"),
        "escapes": repeated("%41"),
        "double escapes": repeated("%2541"),
        "dots": repeated("../"),
        "many parameters": lambda size: b"x?" + numbered("", "k#=1", "", "&")(size),
        "the same parameter": lambda size: b"x?" + repeated("k=1&")(size),
        "for the patterns": repeated("xxxxxxxxaaaaaaaa"),
    }),
    Part("header fields", headed, lambda size: b"X-A: " + b"b" * size, {
        "many fields": numbered("", "X-A#: 1", "", "\n"),
        "the same field": repeated("X-A: 1\n"),
        "names in Connection": lambda size: b"Connection: " + b"a," * (size // 2),
        "many connections": repeated("Connection: a\n"),
    }),
    Part("gzip", answered("gzip"), noisy(gzipped), {
        "bomb": bomb(gzipped, 1030),
        "bomb in a bomb": lambda size: gzipped(bomb(gzipped, 1030)(1 << 20))[:size],
        "empty members": many_members,
    }),
    Part("gzip twice", answered("gzip, gzip"), lambda size: gzipped(noisy(gzipped)(size)), {
        "bomb in a bomb": lambda size: gzipped(gzipped(bytes(256 << 20)))[:size],
    }),
    Part("deflate", answered("deflate"), noisy(zlib.compress), {"bomb": bomb(zlib.compress, 1030)}),
    Part("br", answered("br"), noisy(lambda data: brotli.compress(data, quality=1)), {
        "bomb": lambda size: brotli.compress(bytes(64 << 20), quality=5)[:size],
    }),
    Part("zstd", answered("zstd"), noisy(zstd.compress), {
        "bomb": bomb(zstd.compress, 10_000),
        "empty frames": zstd_frames,
        "large window": zstd_window,
    }),
    Part("plain answer", answered(""), lambda size: NOISE[:size], {
        "like secrets": repeated("sk_live_"),
        "like base64": repeated("c2tfbGl2ZV9h"),
        "like hex": repeated("736b5f6c6976655f"),
        "escapes": repeated("%73%6b"),
        "JSON escapes": repeated("\\u0073"),
    }),
    Part("fields of an answer", masked, between('{"a":"', "b", '"}'), {
        "nested": nested("", '{"a":', "1", ""),
        "nested lists": nested("", "[", "]", ""),
        "many members": numbered("{", '"k#":{"a":1}', "}"),
        "empty objects": between("[{}", ",{}", "]"),
        "lists of a number": between("[[1]", ",[1]", "]"),
        "members that are masked": between('[{"a":1}', ',{"a":1}', "]"),
    }),
    Part("WebSocket", framed, lambda size: struct.pack("!BBQ4x", 0x82, 0xFF, size) + bytes(size), {
        "empty fragments": fragments(b""),
        "fragments of a byte": fragments(b"a"),
    }),
)  # fmt: skip


# Measuring.


def peak(work: Work, data: bytes) -> int:
    """Bytes by which a process grows at most that does this work."""
    given, taken = os.pipe()
    child = os.fork()
    if child == 0:
        grown = 0
        try:
            gc.collect()
            Path("/proc/self/clear_refs").write_text("5", "ascii")  # the highest is the present from here on
            before = _kilobytes("VmRSS")
            work(data)
            grown = (_kilobytes("VmHWM") - before) << 10
        finally:
            os.write(taken, struct.pack("!q", grown))
            os._exit(0)
    os.waitpid(child, 0)
    (found,) = struct.unpack("!q", os.read(given, 8))
    os.close(given)
    os.close(taken)
    return int(found)


def _kilobytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def seconds(work: Work, data: bytes) -> float:
    """Processor time, the lesser of two where it is short."""
    found: list[float] = []
    while not found or (len(found) < 2 and found[0] < 0.2):
        began = time.thread_time()
        work(data)
        found.append(time.thread_time() - began)
    return min(found)


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    part: str
    name: str
    length: int
    memory: float
    time: float
    growth: float


def rows(sizes: tuple[int, ...], parts: tuple[Part, ...] = PARTS) -> Iterator[Row]:
    """All lines, part by part."""
    for part in parts:
        part.work(part.harmless(1024))  # what is made at first use
        for name, make in {"(harmless)": part.harmless, **part.worst}.items():
            before, length = 0.0, 0
            for size in sizes:
                data = make(size)
                if len(data) == length:
                    continue  # it cannot be larger
                took = seconds(part.work, data)
                memory = max(0, peak(part.work, data) - ALLOWANCE) / len(data)
                over = max(0.0, took - PATIENCE) / (len(data) * BYTE_NS * 1e-9)
                growth = took / before * (length / len(data)) * 4 if before > 1e-4 else 0.0
                yield Row(part.name, name, len(data), memory, over, growth)
                before, length = took, len(data)


def sees_growth() -> bool:
    """Whether `peak` tells what it should, here: of something that takes 200 times its size."""
    data = bytes(SIZES[0])
    return 150 < (peak(lambda given: bytearray(200 * len(given)), data)) / len(data) < 250


def main() -> int:
    """Measure, print, and say whether anything is above the limit."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="leave out the largest")
    parser.add_argument("--memory", action="store_true", help="the smallest, and no judgement of time")
    given = parser.parse_args()
    if not sees_growth():
        print("the growth of a process cannot be measured here")
        return 2
    sizes = SIZES[:1] if given.memory else SHORT if given.short else SIZES
    print(f"{'part':20} {'input':20} {'bytes':>8} {'memory':>8} {'time':>8} {'growth':>7}")
    most_memory = most_time = 0.0
    for row in rows(sizes):
        told = f"{row.memory:7.1f}x {row.time:7.1f}x {row.growth:7.1f}"
        print(f"{row.part:20} {row.name:20} {row.length:8} {told}", flush=True)
        most_memory, most_time = max(most_memory, row.memory), max(most_time, row.time)
    print(
        f"at most {most_memory:.1f} times its size in memory, {most_time:.1f} times in time (limit {LIMIT:g})"
    )
    return 0 if max(most_memory, 0.0 if given.memory else most_time) <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
