"""Two readings of one stream of bytes: framing, pipelining, endless bodies. One decision, one request."""

from __future__ import annotations

import asyncio
import re
import resource
from typing import Any

import pytest

HOST = b"Host: api.example.com\r\n"
HIDDEN = b"DELETE /items/9 HTTP/1.1\r\nHost: api.example.com\r\n\r\n"


def key(proxy: Any) -> bytes:
    return b"Authorization: Bearer " + proxy.placeholder().encode()


def post(*fields: bytes, body: bytes = b"", version: bytes = b"1.1") -> bytes:
    head = b"POST /items HTTP/" + version + b"\r\n" + HOST
    return head + b"".join(field + b"\r\n" for field in fields) + b"\r\n" + body


JSON = b"Content-Type: application/json"
TE = [
    b"Transfer-Encoding : chunked", b"Transfer-Encoding:\x0bchunked", b"Transfer-Encoding: \x0cchunked",
    b"Transfer-Encoding: xchunked", b"Transfer-Encoding: chunkedx", b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: identity, chunked", b"Transfer-Encoding: identity",
    b"Transfer-Encoding: chunked;q=1",
    b'Transfer-Encoding: "chunked"', b"Transfer-Encoding: 'chunked'", b"Transfer-Encoding: chunk\xc3\xa9d",
    b"Transfer-Encoding: ,chunked", b"Transfer-Encoding: chunked,", b"Transfer-Encoding:\r\n chunked",
    b"Transfer-Encoding: x\r\n chunked", b" Transfer-Encoding: chunked", b"X: y\rTransfer-Encoding: chunked",
    b"Transfer-Encoding\x00: chunked", b"Transfer-Encoding: chunked\x00", b"Transfer-Encoding: \x00chunked",
    b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: deflate, chunked", b"Transfer-Encoding: gzip",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: chunked, chunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
    b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\x85", b"Transfer-Encoding: \xa0chunked", b"Transfer-Encoding: ",
    b"Transfer-Encoding: \xef\xbb\xbfchunked", b"Transfer\xadEncoding: chunked",
]  # fmt: skip
CL = [
    b"Content-Length: +13", b"Content-Length: -1", b"Content-Length: 0x0d", b"Content-Length: 1_3",
    b"Content-Length: 13, 13", b"Content-Length: 13\r\nContent-Length: 13", b"Content-Length: 13.0",
    b"Content-Length: 13\r\nContent-Length: 0", b"Content-Length: ", b"Content-Length: \t",
    b"Content-Length: 013",
    b"Content-Length: 1 3", b"Content-Length: 13\x00", b"Content-Length: \xb9\xb3", b"Content-Length: 1e1",
    b"Content-Length: " + b"9" * 5000, b"Content-Length : 13",
    b"Content-Length: 13;", b'Content-Length: "13"',
    b"Content-Length: \xa013", b"Content-Length:\r\n 13",
]  # fmt: skip


async def test_f01_transfer_codings_with_two_readings(attacker: Any) -> None:
    field = key(attacker.proxy)
    chunks = b'd\r\n{"name": "x"}\r\n0\r\n\r\n'
    vectors = {repr(bad): post(field, JSON, bad, body=chunks + HIDDEN) for bad in TE}
    vectors |= {
        f"{bad!r} with length": post(field, JSON, b"Content-Length: 13", bad, body=chunks) for bad in TE
    }
    good = b"Transfer-Encoding: chunked"
    vectors["length, then chunks"] = post(field, JSON, b"Content-Length: 4", good, body=chunks + HIDDEN)
    vectors["chunks, then length"] = post(field, JSON, good, b"Content-Length: 4", body=chunks + HIDDEN)
    vectors["chunks in HTTP/1.0"] = post(field, JSON, good, body=chunks, version=b"1.0")
    await attacker.all_refused(vectors)


async def test_f01_every_byte_at_every_place_of_the_transfer_coding(attacker: Any, origin: Any) -> None:
    """256 values at four places: the origin has one request, read as we read it, or nothing at all."""
    field, chunks = key(attacker.proxy), b'd\r\n{"name": "x"}\r\n0\r\n\r\n'
    places = (b"%cTransfer-Encoding: chunked", b"Transfer-Encoding%c: chunked",
              b"Transfer-Encoding:%cchunked", b"Transfer-Encoding: chunked%c")  # fmt: skip
    for place in places:
        for value in {*range(33), *range(127, 161), 34, 39, 44, 58, 59, 95, 255} - {0x0D, 0x0A}:
            origin.requests.clear()
            back = await attacker.inside(post(field, JSON, place % value, body=chunks))
            if back.startswith(b"HTTP/1.1 200 "):
                assert place == places[2] or place == places[3], (place, value)
                assert value in b" \t", (place, value)
                assert [(seen.target, seen.body) for seen in origin.requests] == [
                    ("/items", b'{"name": "x"}')
                ]
            else:
                assert back.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 403 ")), (place, value, back[:80])
                assert origin.requests == [], (place, value)


async def test_f02_lengths_with_two_readings(attacker: Any) -> None:
    field = key(attacker.proxy)
    await attacker.all_refused({repr(bad): post(field, JSON, bad, body=b'{"name": "x"}') for bad in CL})


CHUNKS = {
    "signed size": b"+d\r\n{}\r\n0\r\n\r\n",
    "negative size": b"-1\r\n{}\r\n0\r\n\r\n",
    "0x size": b"0xd\r\n{}\r\n0\r\n\r\n",
    "size with an underscore": b"0_d\r\n{}\r\n0\r\n\r\n",
    "empty size": b"\r\n{}\r\n0\r\n\r\n",
    "no size": b"{}\r\n0\r\n\r\n",
    "space before the size": b" d\r\n{}\r\n0\r\n\r\n",
    "endless size": b"f" * 100 + b"\r\n{}\r\n0\r\n\r\n",
    "size too small": b'1\r\n{"name": "x"}\r\n0\r\n\r\n',
    "bare CR after the size": b"d\r{}\r\n0\r\n\r\n",
    "NUL in the size": b"d\x00\r\n{}\r\n0\r\n\r\n",
    "no end of line after the data": b'd\r\n{"name": "x"}0\r\n\r\n',
    "bare LF after the data": b'd\r\n{"name": "x"}\n0\r\n\r\n',
    "trailers": b'd\r\n{"name": "x"}\r\n0\r\nX-A: b\r\n\r\n',
    "a credential in trailers": b'd\r\n{"name": "x"}\r\n0\r\nAuthorization: Bearer x\r\n\r\n',
    "trailers that are none": b'd\r\n{"name": "x"}\r\n0\r\nnothing\r\n\r\n',
    "endless extension": b"d;" + b"a" * 100_000,
    "endless trailers": b'd\r\n{"name": "x"}\r\n0\r\nX: ' + b"a" * 100_000,
}


async def test_f02_f04_chunks_with_two_readings(attacker: Any) -> None:
    fields = key(attacker.proxy), JSON, b"Transfer-Encoding: chunked"
    await attacker.all_refused({name: post(*fields, body=body) for name, body in CHUNKS.items()})


async def test_positive_control_a_chunked_body_is_sent_with_its_length(attacker: Any, origin: Any) -> None:
    fields = key(attacker.proxy), JSON, b"Transfer-Encoding: Chunked"
    body = b"".join(b"1;ext=1\r\n%c\r\n" % byte for byte in b'{"name": "x"}') + b"0\r\n\r\n"
    assert (await attacker.inside(post(*fields, body=body))).startswith(b"HTTP/1.1 200 ")
    (seen,) = origin.requests
    assert (seen.body, seen.header("content-length")) == (b'{"name": "x"}', "13")
    assert seen.header("transfer-encoding") is None


async def test_f04_announced_trailers_are_refused(attacker: Any) -> None:
    body = b'd\r\n{"name": "x"}\r\n0\r\n\r\n'
    fields = key(attacker.proxy), JSON, b"Transfer-Encoding: chunked", b"Trailer: X-A"
    await attacker.all_refused({"trailer": post(*fields, body=body)})


async def test_p09_pipelined_requests_are_decided_one_by_one(proxy: Any, origin: Any) -> None:
    tunnel = await proxy.connect()
    first, second = proxy.raw("GET", "/items/1"), proxy.raw("DELETE", "/items/2")
    third = proxy.raw("GET", "/items/3")
    tunnel.writer.write(first + second + third)
    back = b""
    while back.count(b"HTTP/1.1 ") < 3 or not back.endswith(b"0\r\n\r\n"):
        back += await asyncio.wait_for(tunnel.reader.read(65536), 3)
    assert re.findall(rb"HTTP/1\.1 (\d+) ", back) == [b"200", b"403", b"200"]
    assert [seen.target for seen in origin.requests] == ["/items/1", "/items/3"]


async def test_p09_what_follows_a_body_is_another_request(proxy: Any, origin: Any) -> None:
    """The request hidden behind a body is decided for itself: it is no part of what was allowed."""
    tunnel = await proxy.connect()
    body = b'{"name": "x"}'
    raw = proxy.raw("POST", "/items", [("Content-Type", "application/json")], body)
    tunnel.writer.write(raw + proxy.raw("DELETE", "/items/9"))
    back = b""
    while back.count(b"HTTP/1.1 ") < 2:
        back += await asyncio.wait_for(tunnel.reader.read(65536), 3)
    assert [(seen.method, seen.body) for seen in origin.requests] == [("POST", body)]


async def test_a_body_of_a_get_is_its_own(proxy: Any, origin: Any) -> None:
    """HIDDEN as the body of a GET goes out framed as a body, or not at all."""
    tunnel = await proxy.connect()
    answered = await tunnel.request("GET", "/items/1", (), HIDDEN)
    if answered.status == 200:
        assert [seen.body for seen in origin.requests] == [HIDDEN]
    assert all(seen.method == "GET" for seen in origin.requests)


async def test_a_tunnel_takes_no_body(attacker: Any) -> None:
    auth = b"Proxy-Authorization: " + attacker.proxy.proxy_auth().encode() + b"\r\n"
    line = b"CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n" + auth
    vectors = {
        "length": line + b"Content-Length: 5\r\n\r\nhello",
        "chunks": line + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    }
    await attacker.all_refused(vectors, inside=False)


@pytest.mark.parametrize("before", [b"\r\n", b"\n", b"\r\n\r\n\r\n"])
async def test_an_empty_line_before_a_request_does_not_hang_it(
    proxy: Any, origin: Any, before: bytes
) -> None:
    tunnel = await proxy.connect()
    for number in (1, 2):
        tunnel.writer.write(before)
        assert (await asyncio.wait_for(tunnel.request("GET", f"/items/{number}"), 3)).status == 200
    tunnel.writer.write(before + proxy.raw("GET", "/items/3"))
    assert b"200 OK" in await asyncio.wait_for(tunnel.reader.read(65536), 3)


@pytest.mark.parametrize("method", ["100-continue", "100-Continue"])
async def test_f05_expect_is_answered_here_and_nothing_is_opened_before_the_body(
    proxy: Any, origin: Any, method: str
) -> None:
    tunnel = await proxy.connect()
    fields = [("Content-Type", "application/json"), ("Content-Length", "13"), ("Expect", method)]
    tunnel.writer.write(proxy.raw("POST", "/items", fields))
    assert await asyncio.wait_for(tunnel.reader.readuntil(b"\r\n\r\n"), 3) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert origin.connections == 0
    tunnel.writer.write(b'{"name": "x"}')
    assert (await tunnel.receive()).status == 200
    assert origin.requests[0].header("expect") is None


async def test_f05_after_100_continue_a_refusal_is_still_told(proxy: Any, origin: Any) -> None:
    tunnel = await proxy.connect()
    fields = [
        ("Content-Type", "application/json"),
        ("Transfer-Encoding", "chunked"),
        ("Expect", "100-continue"),
    ]
    tunnel.writer.write(proxy.raw("POST", "/items", fields))
    await asyncio.wait_for(tunnel.reader.readuntil(b"\r\n\r\n"), 3)
    tunnel.writer.write(b"zz\r\n")
    answered = await tunnel.receive()
    assert (answered.status, answered.code) == (400, "bad_request")
    assert origin.connections == 0


async def test_f05_what_is_too_large_by_its_head_is_refused_at_once(proxy: Any, origin: Any) -> None:
    """No `100 Continue`, and no waiting for a body that need not come."""
    for expect in ([], [("Expect", "100-continue")]):
        tunnel = await proxy.connect()
        fields = [("Content-Type", "application/json"), ("Content-Length", "2000000"), *expect]
        answered = await asyncio.wait_for(tunnel.send(proxy.raw("POST", "/items", fields)), 3)
        assert (answered.status, answered.code) == (413, "too_large")
        assert answered.decision.startswith("d_")
    assert origin.connections == 0


async def test_f05_a_body_that_is_cut_short_is_sent_nowhere(proxy: Any, origin: Any) -> None:
    tunnel = await proxy.connect()
    fields = [("Content-Type", "application/json"), ("Content-Length", "100")]
    tunnel.writer.write(proxy.raw("POST", "/items", fields) + b'{"name": "x"}')
    await tunnel.writer.drain()
    await asyncio.sleep(0.05)
    await tunnel.close()
    await asyncio.sleep(0.05)
    assert origin.connections == 0
    assert [event["kind"] for event in await proxy.settled()][-1] == "denied"


async def test_an_upload_that_is_cut_short_is_never_taken_for_whole(proxy: Any, origin: Any) -> None:
    for fields in ([("Content-Length", "1000000")], [("Transfer-Encoding", "chunked")]):
        tunnel = await proxy.connect("files.example.com")
        body = b"x" * 1000 if fields[0][0] == "Content-Length" else b"3e8\r\n" + b"x" * 1000 + b"\r\n"
        tunnel.writer.write(proxy.raw("PUT", "/upload/f", fields, host="files.example.com") + body)
        await tunnel.writer.drain()
        await asyncio.sleep(0.2)
        tunnel.writer.transport.abort()
        await asyncio.sleep(0.1)
    assert origin.requests == []
    outcomes = [event["outcome"] for event in await proxy.settled() if event["kind"] == "outcome"]
    assert outcomes == ["client_gone", "client_gone"]


def _rss() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def test_what_is_sent_ahead_stays_in_the_socket(proxy: Any, origin: Any) -> None:
    """Requests pipelined behind one that is held: read no further than the limit of one head."""
    tunnel = await proxy.connect()
    tunnel.writer.write(proxy.raw("POST", "/pay", [("Content-Type", "application/json")], b'{"amount": 5}'))
    ahead = 0
    before = _rss()
    while ahead < 64 << 20:
        tunnel.writer.write(b"x" * 65536)
        ahead += 65536
        try:
            await asyncio.wait_for(tunnel.writer.drain(), 0.3)
        except TimeoutError:
            break
    assert ahead < 32 << 20
    assert _rss() - before < 48 << 20
    assert origin.connections == 0


async def test_an_upload_waits_for_its_upstream_in_the_socket(proxy: Any, origin: Any) -> None:
    """While the origin's handshake hangs, the body is neither kept here nor counted as too large."""
    origin.hold_handshake = asyncio.Event()
    tunnel = await proxy.connect("files.example.com")
    size = 24 << 20
    tunnel.writer.write(
        proxy.raw("PUT", "/upload/f", [("Content-Length", str(size))], host="files.example.com")
    )
    sent = 0
    while sent < size:
        tunnel.writer.write(b"x" * 65536)
        sent += 65536
        try:
            await asyncio.wait_for(tunnel.writer.drain(), 0.3)
        except TimeoutError:
            break
    assert sent < 16 << 20
    origin.hold_handshake.set()
    while sent < size:
        tunnel.writer.write(b"x" * 65536)
        sent += 65536
        await tunnel.writer.drain()
    assert (await asyncio.wait_for(tunnel.receive(), 15)).status == 200
    assert len(origin.requests[0].body) == size


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"EHLO x\r\n",
        b"\x00\x01\x02\n",
        b"{}\n",
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\n",
    ],
)
async def test_another_protocol_is_refused_as_soon_as_its_first_line_is_there(
    attacker: Any, raw: bytes
) -> None:
    await attacker.all_refused({"in a tunnel": raw})
    await attacker.all_refused({"at the proxy": raw}, inside=False)
