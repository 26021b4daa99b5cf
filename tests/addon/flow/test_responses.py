"""What an upstream may answer, and what of it reaches the agent: never a secret, never two readings."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import logging
import random
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import brotli
import pytest

SECRET = "sk_live_Zk3vQ8m1X5b7N2c4R6t9"
S = SECRET.encode()
BODY = b'{"ok": true}'

NOISE = random.Random(1).randbytes(200_000)
"""More than comes at once, so that the beginning has gone out before the end breaks."""

type Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Scripted:
    """An origin that says, byte for byte, what a test wants it to say."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self.script: Script = self.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        self.heads: list[bytes] = []
        self.connections = 0
        self.received = bytearray()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        self._server.close_clients()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await self.script(reader, writer)
        writer.close()

    async def head(self, reader: asyncio.StreamReader) -> bytes:
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        return self.heads[-1]

    def answer(self, *raws: bytes, close: bool = True) -> Script:
        """Answer each request on a connection with the next of `raws`, then close or wait."""

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for raw in raws:
                await self.head(reader)
                writer.write(raw)
                await writer.drain()
            if not close:
                await reader.read()

        return script


@pytest.fixture
async def scripted(origin: Any, test_ca: Any) -> AsyncIterator[Scripted]:
    made = Scripted(test_ca.context())
    await made.start()
    origin.port = made.port  # what `resolve` of the configuration points at
    yield made
    await made.stop()


@pytest.fixture
async def agent(scripted: Scripted, start: Any) -> AsyncIterator[Any]:
    async with start() as proxy:
        yield proxy


async def ask(
    proxy: Any, raw: bytes | None = None, host: str = "api.example.com", *, until: float = 2.0
) -> bytes:
    """All bytes the agent gets for one request, until the proxy closes or has said all."""
    tunnel = await proxy.connect(host)
    tunnel.writer.write(raw or proxy.raw("GET", "/items/1", [("Connection", "close")], host=host))
    back = bytearray()
    try:
        while data := await asyncio.wait_for(tunnel.reader.read(65536), until):
            back += data
    except TimeoutError:
        back += b"<silence>"
    except OSError:
        back += b"<reset>"
    tunnel.writer.transport.abort()
    return bytes(back)


def status(back: bytes) -> int:
    return int(back.split(b" ", 2)[1]) if back.startswith(b"HTTP/1.1 ") else 0


async def nowhere(proxy: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The secret is in no file that the runtime wrote, and in no log."""
    await proxy.settled()
    for path in proxy.runtime.desk.data.root.rglob("*"):
        if path.is_file():
            assert S not in path.read_bytes(), path
    assert SECRET not in caplog.text


def ok(*fields: bytes, body: bytes = BODY, line: bytes = b"HTTP/1.1 200 OK") -> bytes:
    sized = () if any(f.lower().startswith((b"content-length", b"transfer-enc")) for f in fields) else (
        b"Content-Length: %d" % len(body),)  # fmt: skip
    return line + b"\r\n" + b"".join(field + b"\r\n" for field in (*fields, *sized)) + b"\r\n" + body


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + end


CHUNKED = b"Transfer-Encoding: chunked"

REFLECTED = {
    "reason phrase": ok(line=b"HTTP/1.1 401 bad key " + S),
    "header value": ok(b"X-Echo: Bearer " + S),
    "header name": ok(b"X-" + S + b": 1"),
    "set-cookie": ok(b"Set-Cookie: t=" + S),
    "location": ok(b"Location: https://evil.example/?k=" + S, line=b"HTTP/1.1 302 Found"),
    "www-authenticate": ok(b'WWW-Authenticate: Bearer realm="' + S + b'"', line=b"HTTP/1.1 401 No"),
    "etag": ok(b'ETag: "' + S + b'"'),
    "server-timing": ok(b"Server-Timing: k;desc=" + S),
    "allow-origin": ok(b"Access-Control-Allow-Origin: https://" + S),
    "alt-svc": ok(b'Alt-Svc: h3="' + S + b':443"'),
    "body": ok(body=b'{"key": "' + S + b'"}'),
    "body of an error": ok(body=S, line=b"HTTP/1.1 500 Oops"),
    "body of another type": ok(b"Content-Type: image/png", body=b"\x89PNG" + S + b"\xff"),
    "body without a type": ok(body=b"\x00" + S),
    "body in a wrong charset": ok(b"Content-Type: text/html; charset=utf-16", body=S),
    "body until close": b"HTTP/1.1 200 OK\r\n\r\n" + S,
    "body of HTTP/1.0": b"HTTP/1.0 200 OK\r\n\r\n" + S,
    "chunks": ok(CHUNKED, body=chunked(b"x" + S[:9], S[9:], b"y")),
    "one byte in each chunk": ok(CHUNKED, body=chunked(*(bytes([byte]) for byte in S))),
    "chunk extension": ok(CHUNKED, body=b"2;k=" + S + b"\r\nok\r\n0\r\n\r\n"),
    "trailers": ok(CHUNKED, b"Trailer: X-Key", body=chunked(b"ok", end=b"0\r\nX-Key: " + S + b"\r\n\r\n")),
    "interim 100": b"HTTP/1.1 100 " + S + b"\r\n\r\n" + ok(),
    "interim 103": b"HTTP/1.1 103 Early\r\nLink: <" + S + b">\r\n\r\n" + ok(),
    "gzip": ok(b"Content-Encoding: gzip", body=gzip.compress(S)),
    "gzip, second member": ok(b"Content-Encoding: gzip", body=gzip.compress(b"ok") + gzip.compress(S)),
    "x-gzip": ok(b"Content-Encoding: x-gzip", body=gzip.compress(S)),
    "deflate": ok(b"Content-Encoding: deflate", body=zlib.compress(S)),
    "raw deflate": ok(b"Content-Encoding: deflate", body=zlib.compress(S)[2:-4]),
    "br": ok(b"Content-Encoding: br", body=brotli.compress(S)),
    "gzip twice": ok(b"Content-Encoding: gzip, gzip", body=gzip.compress(gzip.compress(S))),
    "gzip in two fields": ok(
        b"Content-Encoding: gzip", b"Content-Encoding: br", body=brotli.compress(gzip.compress(S))
    ),
    "identity": ok(b"Content-Encoding: identity", body=S),
}  # fmt: skip


@pytest.mark.parametrize("raw", REFLECTED.values(), ids=REFLECTED.keys())
async def test_s09_s18_a_reflected_secret_never_reaches_the_agent(
    agent: Any, scripted: Scripted, caplog: Any, raw: bytes
) -> None:
    scripted.script = scripted.answer(raw)
    with caplog.at_level(logging.DEBUG):
        back = await ask(agent)
    assert S in scripted.heads[0]  # the origin had it, and could reflect it
    assert S not in back
    assert gzip.compress(S)[10:-8] not in back
    assert status(back) in {200, 302, 401, 500}, back
    assert back.endswith((b"0\r\n\r\n", b"\r\n\r\n"))
    await nowhere(agent, caplog)


WITHHELD = {
    "unknown coding": ok(b"Content-Encoding: rot13", body=S),
    "a codec of Python": ok(b"Content-Encoding: hex", body=S.hex().encode()),
    "too many codings": ok(b"Content-Encoding: gzip, gzip, gzip, gzip", body=gzip.compress(S)),
    "garbage after gzip": ok(b"Content-Encoding: gzip", body=gzip.compress(b"ok") + S),
    "garbage after br": ok(b"Content-Encoding: br", body=brotli.compress(b"ok") + S),
    "garbage after deflate": ok(b"Content-Encoding: deflate", body=zlib.compress(b"ok") + S),
    "a bomb": ok(b"Content-Encoding: gzip", body=gzip.compress(b"\x00" * (300 << 20), 9)),
    "not gzip at all": ok(b"Content-Encoding: gzip", body=S),
    "gzip cut short before its first byte": ok(b"Content-Encoding: gzip", body=gzip.compress(S)[:12]),
    "the first half": ok(b"Content-Range: bytes 0-13/28", line=b"HTTP/1.1 206 Partial Content", body=S[:14]),
    "the second half": ok(
        b"Content-Range: bytes 14-27/28", line=b"HTTP/1.1 206 Partial Content", body=S[14:]
    ),
    "a half that is called a whole": ok(b"Content-Range: bytes 0-13/28", body=S[:14]),
    "halves in one answer": ok(
        b"Content-Type: Multipart/ByteRanges; boundary=x",
        body=b"--x\r\n\r\n" + S[:14] + b"\r\n--x\r\n\r\n" + S[14:] + b"\r\n--x--\r\n",
    ),
    "101": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: foo\r\nConnection: upgrade\r\n\r\n" + S,
    "407": ok(b"Proxy-Authenticate: Basic realm=" + S, line=b"HTTP/1.1 407 No", body=S),
    "length and chunks": ok(CHUNKED, b"Content-Length: 5", body=chunked(S)),
    "length twice": ok(b"Content-Length: 12", b"Content-Length: 12"),
    "two lengths": ok(b"Content-Length: 12", b"Content-Length: 0"),
    "listed lengths": ok(b"Content-Length: 12, 12"),
    "signed length": ok(b"Content-Length: +12"),
    "hexadecimal length": ok(b"Content-Length: 0xc"),
    "length with an underscore": ok(b"Content-Length: 1_2"),
    "endless length": ok(b"Content-Length: " + b"9" * 5000),
    "empty length": ok(b"Content-Length: "),
    "gzip as transfer coding": ok(b"Transfer-Encoding: gzip, chunked", body=chunked(gzip.compress(S))),
    "gzip as the only transfer coding": ok(b"Transfer-Encoding: gzip", body=gzip.compress(S)),
    "unknown transfer coding": ok(b"Transfer-Encoding: x", body=S),
    "chunked twice": ok(b"Transfer-Encoding: chunked, chunked", body=chunked(S)),
    "chunked in HTTP/1.0": ok(CHUNKED, line=b"HTTP/1.0 200 OK", body=chunked(S)),
    "bare CR in the reason": ok(line=b"HTTP/1.1 200 OK\rX-Evil: " + S),
    "bare CR in a value": ok(b"X-A: 1\rSet-Cookie: " + S),
    "NUL in a value": ok(b"X-A: \x00" + S),
    "escape in the reason": ok(line=b"HTTP/1.1 200 \x1b]0;" + S),
    "folded": ok(b"X-A: 1\r\n " + S),
    "no colon": ok(S),
    "space before the colon": ok(b"Content-Length : 12"),
    "not HTTP": b"SSH-2.0-" + S + b"\r\n\r\n",
    "HTTP/2 as text": ok(line=b"HTTP/2 200 " + S),
    "status of two digits": ok(line=b"HTTP/1.1 20 " + S),
    "status of four digits": ok(line=b"HTTP/1.1 2000 " + S),
    "signed status": ok(line=b"HTTP/1.1 +200 " + S),
    "status with an underscore": ok(line=b"HTTP/1.1 2_0 " + S),
    "head cut short": b"HTTP/1.1 200 OK\r\nX-Echo: " + S,
    "line cut short": b"HTTP/1.1 200 " + S,
    "nothing": b"",
    "large head": ok(*(b"X-%d: " % i + S * 40 for i in range(300))),
    "endless head": b"HTTP/1.1 200 OK\r\nX-A: " + S * 20_000,
    "interim responses without end": (b"HTTP/1.1 100 " + S + b"\r\n\r\n") * 500 + ok(),
}


@pytest.mark.parametrize("raw", WITHHELD.values(), ids=WITHHELD.keys())
async def test_f08_s18_what_has_two_readings_or_none_is_withheld(
    agent: Any, scripted: Scripted, caplog: Any, raw: bytes
) -> None:
    scripted.script = scripted.answer(raw)
    with caplog.at_level(logging.DEBUG):
        back = await ask(agent)
    assert S not in back
    assert S[:14] not in back
    assert S[14:] not in back
    assert status(back) == 502, back
    assert b'"type":"wharfinger","code":"upstream"' in back
    assert b"\r\nWharfinger-Decision: d_" in back
    *_, outcome = await agent.settled()
    assert outcome["outcome"] in {"withheld", "upstream_failed"}
    await nowhere(agent, caplog)
    scripted.script = scripted.answer(ok())
    assert status(await ask(agent)) == 200


CUT = {
    "garbage after much gzip": ok(b"Content-Encoding: gzip", body=gzip.compress(NOISE) + S),
    "truncated gzip": ok(b"Content-Encoding: gzip", body=gzip.compress(b"x" * 50 + S)[:-9]),
    "shorter than its length": ok(b"Content-Length: 500", body=S),
    "chunked without an end": ok(CHUNKED, body=chunked(b"ok", end=b"")),
    "chunk cut short": ok(CHUNKED, body=b"fff\r\n" + S),
    "chunk size that is the secret": ok(CHUNKED, body=b"2\r\nok\r\n" + S + b"\r\n"),
    "signed chunk size": ok(CHUNKED, body=b"+2\r\nok\r\n0\r\n\r\n"),
    "hexadecimal chunk size": ok(CHUNKED, body=b"0x2\r\nok\r\n0\r\n\r\n"),
    "chunk without its end of line": ok(CHUNKED, body=b"2\r\nok" + S + b"0\r\n\r\n"),
    "endless chunk line": ok(CHUNKED, body=b"2;" + S * 3000),
    "endless trailers": ok(CHUNKED, body=b"0\r\nX: " + S * 3000),
}


@pytest.mark.parametrize("raw", CUT.values(), ids=CUT.keys())
async def test_a_body_that_breaks_is_cut_off_and_seen_to_be_cut_off(
    agent: Any, scripted: Scripted, caplog: Any, raw: bytes
) -> None:
    scripted.script = scripted.answer(raw, close=True)
    with caplog.at_level(logging.DEBUG):
        back = await ask(agent)
    assert S not in back
    assert back.endswith((b"<silence>", b"<reset>")) is False
    assert b"transfer-encoding: chunked" in back.lower()
    assert not back.endswith(b"0\r\n\r\n")
    assert len(back) < 120 << 20
    *_, outcome = await agent.settled()
    assert outcome["outcome"] in {"withheld", "upstream_failed"}
    await nowhere(agent, caplog)


BODYLESS = {
    "HEAD with a body": ("HEAD", ok(body=S)),
    "HEAD with chunks": ("HEAD", ok(CHUNKED, body=chunked(S))),
    "204 with a body": ("GET", ok(line=b"HTTP/1.1 204 No Content", body=S)),
    "304 with a body": ("GET", ok(line=b"HTTP/1.1 304 Not Modified", body=S)),
    "204 with length": ("GET", ok(b"Content-Length: 28", line=b"HTTP/1.1 204 No", body=S)),
}


@pytest.mark.parametrize(("method", "raw"), BODYLESS.values(), ids=BODYLESS.keys())
async def test_f08_a_body_where_none_may_be_is_not_read_as_the_next_response(
    scripted: Scripted, start: Any, caplog: Any, method: str, raw: bytes
) -> None:
    async with start({"tools/head.yaml": HEAD_TOOL, "policies/everyday.yaml": HEAD_POLICY}) as agent:
        scripted.script = scripted.answer(raw, close=False)
        tunnel = await agent.connect()
        first = await tunnel.request(method, "/items/1")
        assert first.body == b""
        scripted.script = scripted.answer(ok(body=b"mine"), close=False)
        second = await tunnel.request("GET", "/items/2")
        assert (second.status, second.body) == (200, b"mine")
        assert scripted.connections == 2
        await nowhere(agent, caplog)


@pytest.mark.parametrize(("target", "status"), [("/items/1", b"200"), ("/nowhere", b"403")])
async def test_nothing_follows_the_head_that_answers_a_head(
    scripted: Scripted, start: Any, target: str, status: bytes
) -> None:
    """It would be read as the answer to the next request. Both are sent at once, so that all is looked at."""
    async with start({"tools/head.yaml": HEAD_TOOL, "policies/everyday.yaml": HEAD_POLICY}) as agent:
        scripted.script = scripted.answer(ok(CHUNKED, body=chunked(b"mine")), close=False)
        tunnel = await agent.connect()
        tunnel.writer.write(agent.raw("HEAD", target) + agent.raw("GET", "/items/2"))
        back = b""
        while not back.endswith(b"0\r\n\r\n"):
            back += await asyncio.wait_for(tunnel.reader.read(65536), 10)
        first, second, body = back.split(b"\r\n\r\n", 2)
        assert first.startswith(b"HTTP/1.1 " + status)
        assert second.startswith(b"HTTP/1.1 200"), second
        assert b"".join(body.split(b"\r\n")[1::2]) == b"mine"


async def test_a_head_that_is_refused_before_policy_has_no_body_either(agent: Any) -> None:
    back = await agent.plain(b"HEAD http://127.0.0.1/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert back.startswith(b"HTTP/1.1 4")
    assert back.endswith(b"\r\n\r\n")


HEAD_TOOL = """\
api: heads
base: https://api.example.com
auth: {secret: EXAMPLE_KEY}
tools:
  - tool: head_item
    description: Look at an item
    effect: read
    run: {method: HEAD, url: "/items/${id}"}
"""
HEAD_POLICY = """\
policy: everyday
description: Heads, too
allow:
  - tool: get_item
  - tool: head_item
"""


async def test_two_responses_to_one_request_the_second_reaches_nobody(
    agent: Any, scripted: Scripted, caplog: Any
) -> None:
    """Response splitting at the upstream: the forged second response is not the next request's answer."""
    scripted.script = scripted.answer(ok(body=b"first") + ok(body=b"forged"), close=False)
    tunnel = await agent.connect()
    assert (await tunnel.request("GET", "/items/1")).body == b"first"
    scripted.script = scripted.answer(ok(body=b"second"), close=False)
    assert (await tunnel.request("GET", "/items/2")).body == b"second"
    assert scripted.connections == 2


async def test_an_idle_upstream_that_closes_or_speaks_is_replaced(agent: Any, scripted: Scripted) -> None:
    tunnel = await agent.connect()
    for unasked in (b"", b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n", S):

        async def script(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter, unasked: bytes = unasked
        ) -> None:
            await scripted.head(reader)
            writer.write(ok(body=b"fine"))
            await writer.drain()
            await asyncio.sleep(0.05)
            writer.write(unasked)

        scripted.script = script
        assert (await tunnel.request("GET", "/items/1")).body == b"fine"
        await asyncio.sleep(0.15)
    assert scripted.connections == 3


async def test_fields_that_are_not_the_agents_business_are_stripped(agent: Any, scripted: Scripted) -> None:
    fields = [b"Alt-Svc: h3=:443", b"Connection: keep-alive, X-Hop", b"X-Hop: 1", b"Keep-Alive: timeout=5",
              b"Proxy-Authenticate: Basic", b"Proxy-Foo: 1", b"Proxy-Connection: close", b"TE: trailers",
              b"Upgrade: h2c", b"Trailer: X", b"Wharfinger-Decision: d_forged", b"Wharfinger-Foo: 1",
              b"Set-Cookie: a=b", b"Set-Cookie2: a=b", b"X-Fine: yes"]  # fmt: skip
    scripted.script = scripted.answer(ok(*fields))
    head = (await ask(agent)).partition(b"\r\n\r\n")[0]
    names = [line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:]]
    assert sorted(names) == [b"transfer-encoding", b"wharfinger-decision", b"x-fine"]
    assert b"d_forged" not in head


async def test_s08_a_redirect_is_given_to_the_agent_and_followed_by_nobody(
    agent: Any, scripted: Scripted
) -> None:
    for line in (b"301 Moved", b"302 Found", b"307 Temporary", b"308 Permanent"):
        scripted.script = scripted.answer(
            ok(
                b"Location: http://169.254.169.254/",
                b"Refresh: 0; url=http://127.0.0.1/",
                line=b"HTTP/1.1 " + line,
            )
        )
        back = await ask(agent)
        assert status(back) == int(line[:3])
        assert b"Location: http://169.254.169.254/" in back
    assert (len(scripted.heads), scripted.connections) == (4, 4)


async def test_s12_ranges_are_not_asked_for_where_a_secret_could_come_back(
    agent: Any, scripted: Scripted
) -> None:
    scripted.script = scripted.answer(ok())
    raw = agent.raw(
        "GET", "/items/1", [("Range", "bytes=0-15"), ("If-Range", '"x"'), ("Connection", "close")]
    )
    assert status(await ask(agent, raw)) == 200
    assert b"range" not in scripted.heads[0].lower()


async def test_http_1_0_gets_no_chunks_and_the_connection_is_closed(agent: Any, scripted: Scripted) -> None:
    scripted.script = scripted.answer(ok(CHUNKED, body=chunked(b"a" * 10, S)))
    for connection in (b"", b"Connection: keep-alive\r\n"):
        raw = agent.raw("GET", "/items/1").replace(b"HTTP/1.1\r\n", b"HTTP/1.0\r\n" + connection)
        back = await ask(agent, raw)
        head, _, body = back.partition(b"\r\n\r\n")
        assert b"chunked" not in head.lower()
        assert b"\r\nconnection: close" in head.lower()
        assert body.startswith(b"a" * 10)
        assert S not in body
        assert not body.endswith(b"<silence>")


async def test_a_large_response_is_whole(agent: Any, scripted: Scripted) -> None:
    body = bytes(range(256)) * 20_000
    for raw in (
        ok(body=body),
        ok(CHUNKED, body=chunked(*(body[at : at + 70_001] for at in range(0, len(body), 70_001)))),
    ):
        scripted.script = scripted.answer(raw)
        answered = await agent.request("GET", "/items/1")
        assert answered.body == body


async def test_an_answer_before_the_upload_has_ended_reaches_the_agent(
    agent: Any, scripted: Scripted
) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await scripted.head(reader)
        writer.write(ok(b"Connection: close", line=b"HTTP/1.1 401 Unauthorized", body=b"no such key"))
        await writer.drain()

    scripted.script = script
    tunnel = await agent.connect("files.example.com")
    head = agent.raw("PUT", "/upload/f", [("Content-Length", "50000000")], host="files.example.com")
    answered = await asyncio.wait_for(tunnel.send(head + b"x" * 200_000), 3)
    assert (answered.status, answered.body) == (401, b"no such key")
    intent, outcome = await agent.events(answered.decision)
    assert (outcome["outcome"], outcome["status"]) == ("completed", 401)
    assert intent["kind"] == "intent"


async def test_an_upstream_that_closes_during_an_upload_is_a_502(agent: Any, scripted: Scripted) -> None:
    async def script(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await scripted.head(reader)

    scripted.script = script
    tunnel = await agent.connect("files.example.com")
    head = agent.raw("PUT", "/upload/f", [("Content-Length", "50000000")], host="files.example.com")
    answered = await asyncio.wait_for(tunnel.send(head + b"x" * 200_000), 3)
    assert (answered.status, answered.code) == (502, "upstream")
