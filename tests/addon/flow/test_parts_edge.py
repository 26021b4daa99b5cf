"""Parts of answers over sockets: of a file that holds a secret, an agent gets no half of it by any ranges.

The origin serves ranges as RFC 9110 (14) has them, and knows nothing of what the agent asked for.
"""

from __future__ import annotations

import base64
import gzip
import re
from collections.abc import Callable
from typing import Any

import h11
import pytest

from tests.addon.flow.conftest import FILES as STORE
from tests.addon.flow.conftest import OTHERS, POLICY, SECRET
from tests.addon.flow.http2_ends import http2

RANGED = STORE.replace(
    'run: {method: GET, url: "/download/${name}"}',
    'run: {method: GET, url: "/download/${name}", headers: {Range: "${range}"}}\n'
    "    input: {name: string, range: {type: string, required: false}}\n"
    "  - tool: look\n    description: Look at a file\n    effect: read\n"
    '    run: {method: HEAD, url: "/download/${name}", headers: {Range: "${range}"}}\n'
    "    input: {name: string, range: {type: string, required: false}}",
)
FILES = {
    "tools/files.yaml": RANGED,
    "policies/everyday.yaml": POLICY.replace("  - tool: download\n", "  - tool: download\n  - tool: look\n"),
}
PLAIN = bytes(33 + (7 * at * at + at // 3) % 90 for at in range(20_000))
HIDDEN = base64.b64encode(b"xy" + SECRET.encode())
BODY = PLAIN[:9000] + SECRET.encode() + PLAIN[9000:12_000] + b" " + HIDDEN + b" " + PLAIN[12_000:]
AT = 9000
HOST = "files.example.com"
ETAG = '"v1"'


def serving(reply: Any, body: bytes = BODY, etag: str = ETAG) -> Callable[[Any], Any]:
    """A server of one file."""

    def answer(seen: Any) -> Any:
        fields = [("ETag", etag), ("Content-Type", "application/octet-stream"), ("Accept-Ranges", "bytes")]
        asked, unchanged = seen.header("range"), seen.header("if-range") in {None, etag}
        found = re.fullmatch(r"bytes=(\d*)-(\d*)", asked or "")
        if found is None or not unchanged:
            return reply(200, body, fields)
        first, last = found.groups()
        start = int(first) if first else max(0, len(body) - int(last))
        end = min(int(last), len(body) - 1) if first and last else len(body) - 1
        if start >= len(body):
            return reply(416, b"", [("Content-Range", f"bytes */{len(body)}")])
        part = f"bytes {start}-{end}/{len(body)}"
        return reply(206, body[start : end + 1], [*fields, ("Content-Range", part), ("Content-MD5", "x")])

    return answer


@pytest.fixture
async def store(start: Any, origin: Any, reply: Any) -> Any:
    origin.answer = serving(reply)
    async with start(FILES) as proxy:
        yield proxy


async def download(proxy: Any, asked: str, *fields: tuple[str, str], method: str = "GET") -> Any:
    return await proxy.request(method, "/download/f", [("Range", asked), *fields], host=HOST)


GREEDY = {
    "two halves": [(0, AT + 13), (AT + 14, 20_000)],
    "a byte at a time": [(at, at) for at in range(AT, AT + len(SECRET))],
    "windows that slide by a byte": [(at, at + 9) for at in range(AT - 9, AT + len(SECRET))],
    "all but its ends": [(AT + 1, AT + len(SECRET) - 2), (AT - 50, AT), (AT + len(SECRET) - 1, 10_000)],
}


@pytest.mark.parametrize("ranges", GREEDY.values(), ids=GREEDY.keys())
async def test_s12_from_no_parts_a_byte_of_a_secret_is_known(
    store: Any, origin: Any, ranges: list[tuple[int, int]]
) -> None:
    tunnel = await store.connect(HOST)
    known: dict[int, int] = {}
    for first, last in ranges:
        answered = await tunnel.request("GET", "/download/f", [("Range", f"bytes={first}-{last}")], host=HOST)
        end = min(last, len(BODY) - 1)
        assert answered.status == 206, answered.body
        assert answered.headers["content-range"] == f"bytes {first}-{end}/{len(BODY)}"
        assert answered.headers["content-length"] == str(len(answered.body)) == str(end - first + 1)
        assert "content-md5" not in answered.headers
        known.update(zip(range(first, end + 1), answered.body, strict=True))
    inside = range(AT, AT + len(SECRET))
    assert {known[at] for at in inside} == {ord("*")}
    wide = base64.b64encode(b"xy" + SECRET.encode())
    encoded = range(BODY.index(wide) + 3, BODY.index(wide) + len(wide) - 2)
    assert {known[at] for at in encoded if at in known} <= {ord("*")}
    around = range(len(BODY))[: AT - 1], range(len(BODY))[AT + len(SECRET) : AT + 3000]
    assert all(known[at] == BODY[at] for span in around for at in span if at in known)
    assert len(origin.requests) == len(ranges)
    *_, outcome = await store.settled()
    assert outcome["findings"]["EXAMPLE_KEY"] >= 1


async def test_more_is_asked_for_than_the_agent_gets_and_nothing_encoded(store: Any, origin: Any) -> None:
    answered = await download(store, "bytes=8000-8007", ("Accept-Encoding", "gzip, br"))
    assert (answered.status, answered.body) == (206, BODY[8000:8008])
    (sent,) = origin.requests
    assert [value for name, value in sent.headers if name.lower() == "accept-encoding"] == ["identity"]
    found = re.fullmatch(r"bytes=(\d+)-(\d+)", sent.header("range"))
    assert found is not None
    assert 8000 - int(found[1]) == int(found[2]) - 8007 >= 1024


ASKED = {
    "the first byte": ("bytes=0-0", 0, 1),
    "all of it": ("bytes=0-", 0, len(BODY)),
    "eight at the end": ("bytes=-8", len(BODY) - 8, len(BODY)),
    "more than there are": ("bytes=-999999", 0, len(BODY)),
    "what is left": ("bytes=19999-", 19_999, len(BODY)),
    "beyond the end": ("bytes=19999-9223372036854775807", 19_999, len(BODY)),
}


async def test_what_clients_ask_for_is_what_they_get(store: Any) -> None:
    tail = BODY.index(HIDDEN) + len(HIDDEN)
    for name, (asked, first, end) in ASKED.items():
        answered = await download(store, asked)
        assert answered.status == 206, name
        assert answered.headers["content-range"] == f"bytes {first}-{end - 1}/{len(BODY)}", name
        assert len(answered.body) == end - first, name
        assert answered.body[max(tail - first, 0) :] == BODY[max(tail, first) : end], name


@pytest.mark.parametrize(
    "asked", [f"bytes={len(BODY)}-", f"bytes={len(BODY) + 9}-{len(BODY) + 90}", "bytes=900000-"]
)
async def test_nothing_is_given_beyond_the_end(store: Any, asked: str) -> None:
    """As one who resumes what is whole already asks: upstream has bytes for what is asked of it, or none."""
    tunnel = await store.connect(HOST)
    for _ in range(2):
        answered = await tunnel.request("GET", "/download/f", [("Range", asked)], host=HOST)
        assert (answered.status, answered.body) == (416, b"")
        assert answered.headers["content-range"] == f"bytes */{len(BODY)}"


async def test_if_range_goes_along_and_what_has_changed_comes_whole(store: Any, origin: Any) -> None:
    same = await download(store, "bytes=100-109", ("If-Range", ETAG))
    assert (same.status, same.body, same.headers["etag"]) == (206, BODY[100:110], ETAG)
    changed = await download(store, "bytes=100-109", ("If-Range", '"v0"'))
    assert changed.status == 200
    assert changed.body.startswith(BODY[:9000] + store.placeholder().encode())
    assert SECRET[3:].encode() not in changed.body
    assert [seen.header("if-range") for seen in origin.requests] == [ETAG, '"v0"']


async def test_a_head_is_asked_for_as_it_is_and_has_nothing_to_cut(store: Any, origin: Any) -> None:
    answered = await download(store, "bytes=8000-8007", method="HEAD")
    assert (answered.status, answered.headers["content-range"]) == (206, f"bytes 8000-8007/{len(BODY)}")
    assert origin.requests[0].header("range") == "bytes=8000-8007"


async def test_what_cannot_be_cut_is_refused_and_nothing_is_sent(store: Any, origin: Any) -> None:
    for asked in ("bytes=0-0,2-2", "bytes=-1,-2", "items=0-9", "0-9", "bytes=9-0", "bytes=-0"):
        answered = await download(store, asked)
        assert (answered.status, answered.code) == (400, "bad_request"), asked
        assert "one range" in answered.json["error"]["message"]
    assert origin.bytes_received == 0


@pytest.mark.parametrize("entry", ["$.note", "{find: card}"])
async def test_where_more_is_to_be_taken_out_no_part_is_given(
    start: Any, origin: Any, reply: Any, entry: str
) -> None:
    """Half of a card's number is none, and half of a document cannot be read."""
    origin.answer = serving(reply, b'{"note": "4111 1111 1111 1111"}')
    policy = FILES["policies/everyday.yaml"] + f"redact:\n  - {{tool: download, fields: [{entry}]}}\n"
    async with start(FILES | {"policies/everyday.yaml": policy}) as proxy:
        answered = await download(proxy, "bytes=0-9")
        assert (answered.status, answered.code) == (403, "denied")
        assert "in a part of it" in answered.json["error"]["message"]
        assert origin.bytes_received == 0


def part(reply: Any, *fields: tuple[str, str], body: bytes = BODY, status: int = 206) -> Any:
    return reply(status, body, list(fields))


ALL = ("Content-Range", f"bytes 0-{len(BODY) - 1}/{len(BODY)}")
ALONE = ("Content-Range", f"bytes 9000-9009/{len(BODY)}")
WITHHELD: dict[str, Callable[[Any], Any]] = {
    "no more than was asked for": lambda r: part(r, ALONE, body=BODY[9000:9010]),
    "another part": lambda r: part(r, ("Content-Range", f"bytes 0-99/{len(BODY)}"), body=BODY[:100]),
    "which part is not said": part,
    "said twice": lambda r: part(r, ALL, ALL),
    "in another unit": lambda r: part(r, ("Content-Range", "lines 0-9/10")),
    "a part that cannot be": lambda r: part(r, ("Content-Range", f"bytes 0-{len(BODY)}/{len(BODY)}")),
    "it calls itself whole": lambda r: part(r, ALL, status=200),
    "it calls itself an error": lambda r: part(r, ALL, status=416),
    "encoded": lambda r: part(r, ALL, ("Content-Encoding", "gzip"), body=gzip.compress(BODY, 0)[: len(BODY)]),
    "encoded in a way nobody knows": lambda r: part(r, ALL, ("Content-Encoding", "aws-chunked")),
    "many parts": lambda r: part(r, ("Content-Type", "Multipart/ByteRanges; boundary=x")),
    "many parts, and one": lambda r: part(r, ALL, ("Content-Type", "multipart/byteranges; boundary=x")),
    "messages": lambda r: part(r, ALL, ("Content-Type", "application/grpc+proto")),
    "longer than it says": lambda r: part(r, ("Content-Range", f"bytes 0-19999/{len(BODY)}")),
    "shorter than it says": lambda r: part(r, ALL, body=BODY[:9010]),
}  # fmt: skip


async def test_a_part_that_cannot_be_cut_is_withheld(store: Any, origin: Any, reply: Any) -> None:
    for name, answer in WITHHELD.items():
        origin.answer = lambda _seen, answer=answer: answer(reply)
        answered = await download(store, "bytes=9000-9009")
        assert (answered.status, answered.code) == (502, "upstream"), name
        assert SECRET[:5].encode() not in answered.body, name
        *_, outcome = await store.events(answered.decision)
        assert outcome["outcome"] == "withheld", name
        origin.answer = serving(reply)
        assert (await download(store, "bytes=0-3")).body == BODY[:4], name


async def test_what_breaks_off_in_the_middle_is_cut_off(store: Any, origin: Any, reply: Any) -> None:
    """The agent was told how long it is, and sees that it has not ended."""
    body = PLAIN * 20
    origin.answer = lambda _seen: reply(
        206, b"", [("Content-Range", f"bytes 0-{len(body)}/{len(body) + 1}")], chunks=[body]
    )
    with pytest.raises(h11.RemoteProtocolError):
        await download(store, "bytes=0-")
    assert (await store.settled())[-1]["outcome"] == "withheld"


async def test_parts_of_what_an_answer_leads_to_are_cut_as_well(start: Any, origin: Any, reply: Any) -> None:
    """As with stores that answer by where a file lies: no credential goes there, but the file comes."""
    serve = serving(reply)
    to = "https://other.example.com/at/1"
    origin.answer = lambda seen: (
        serve(seen) if seen.target == "/at/1" else reply(302, b"", [("Location", to)])
    )
    led = RANGED.replace(
        'headers: {Range: "${range}"}}', 'headers: {Range: "${range}"}, redirects: [other.example.com]}', 1
    )
    unbound = OTHERS["credentials.yaml"].replace(
        '  OTHER_KEY: {from: "file:other.key", hosts: [other.example.com]}\n', ""
    )
    async with start(FILES | {"tools/files.yaml": led, "credentials.yaml": unbound}) as proxy:

        async def followed(asked: str) -> Any:
            assert (await download(proxy, "bytes=0-9")).status == 302
            return await proxy.request(
                "GET", "/at/1", [("Range", asked)], host="other.example.com", key=False
            )

        answered = await followed(f"bytes={AT - 4}-{AT + 5}")
        assert (answered.status, answered.body) == (206, BODY[AT - 4 : AT] + b"*" * 6)
        assert (await followed("bytes=0-1,3-4")).status == 400


async def test_streams_of_http2_get_the_same_parts(store: Any, origin: Any, reply: Any) -> None:
    agent = await http2(store, HOST)
    got = await agent.request("GET", "/download/f", [("range", f"bytes={AT - 4}-{AT + 5}")], host=HOST)
    assert (got.status, got.ended, bytes(got.body)) == (206, True, BODY[AT - 4 : AT] + b"*" * 6)
    assert got.headers["content-range"] == f"bytes {AT - 4}-{AT + 5}/{len(BODY)}"
    assert got.headers["content-length"] == "10"
    beyond = await agent.request("GET", "/download/f", [("range", f"bytes={len(BODY)}-")], host=HOST)
    assert (beyond.status, beyond.ended, bytes(beyond.body)) == (416, True, b"")
    origin.answer = lambda _seen: reply(
        206, b"", [("Content-Range", f"bytes 0-{20 * len(PLAIN)}/*")], chunks=[PLAIN * 20]
    )
    short = await agent.request("GET", "/download/f", [("range", "bytes=0-")], host=HOST)
    assert not short.ended or short.status == 502
    await agent.close()
