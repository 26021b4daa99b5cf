"""WebSockets through a real proxy: what opens one, what passes on it, and what ends it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import ssl
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import websockets
from wharfinger.audit.errors import BookUnavailable
from wharfinger.authoring import snapshot
from wharfinger.flow import handler, websocket
from wharfinger.keeping import agents
from wharfinger.running.reloading import Reloader

from tests.addon.flow.conftest import OTHER_SECRET, SECRET, SETTINGS, Proxy, Tunnel
from tests.addon.flow.sockets import (
    BINARY,
    CLOSE,
    FOLDER,
    FREE,
    HANDSHAKE,
    MASKED,
    PING,
    PONG,
    TALK,
    TEXT,
    Raw,
    Server,
    close_payload,
    dial,
    frame,
    lurking,
    raw,
    serving,
)


@pytest.fixture
async def server(test_ca: Any) -> AsyncIterator[Server]:
    async with serving(test_ca.context()) as running:
        yield running


@pytest.fixture
async def live(start: Any, server: Server, plain_origin: Any) -> AsyncIterator[Proxy]:
    files = {
        "wharfinger.yaml": SETTINGS.format(port=server.port, plain=plain_origin.port),
        **FOLDER,
    }
    async with start(files) as proxy:
        yield proxy


async def refused(proxy: Proxy, target: str, **more: Any) -> tuple[int, dict[str, Any]]:
    """Status and error of a handshake that is not granted."""
    with pytest.raises(websockets.InvalidStatus) as caught:
        await dial(proxy, target, **more)
    response = caught.value.response
    return response.status_code, json.loads(response.body or b"")["error"]


async def told(socket: Any) -> tuple[int, str]:
    """Code and reason of the Close frame that the agent reads next."""
    with contextlib.suppress(websockets.ConnectionClosed):
        async with asyncio.timeout(10):
            async for _ in socket:
                pass
    return socket.close_code, socket.close_reason


async def kinds(proxy: Proxy) -> list[tuple[str, str]]:
    """All events on requests, as kind and what they say of it."""
    return [
        (event["kind"], event.get("outcome") or _what(event))
        for event in await proxy.settled()
        if event["kind"] in {"intent", "outcome", "denied"}
    ]


def _what(event: dict[str, Any]) -> str:
    return str(event["calls"][0]["tool"] if event["kind"] == "intent" else event["code"])


async def outcome(proxy: Proxy) -> dict[str, Any]:
    """The outcome of the connection, which is the first intent in the book."""
    events = await proxy.settled()
    (first, *_) = [event for event in events if event["kind"] == "intent"]
    async with asyncio.timeout(5):
        while True:
            for event in await proxy.settled():
                if event["kind"] == "outcome" and event["decision"] == first["decision"]:
                    return event


# Handshakes


async def test_an_allowed_handshake_opens_and_messages_pass_both_ways(live: Proxy, server: Server) -> None:
    sent = ("hello", b"\x00\xff", "ä" * 70_000, b"x" * 200_000, "")
    async with dial(live, subprotocols=["odd", "chat"]) as socket:
        assert socket.subprotocol == "chat"
        assert socket.response.headers["Wharfinger-Decision"].startswith("d_")
        for message in sent:
            await socket.send(message)
            assert await socket.recv() == message
        await (await socket.ping(b"are you there"))
    assert tuple(server.heard) == sent
    said = await outcome(live)
    assert (said["outcome"], said["status"]) == ("completed", 101)
    assert said["request_messages"] == said["response_messages"] == len(sent)
    size = sum(len(message.encode() if isinstance(message, str) else message) for message in sent)
    assert said["request_bytes"] == said["response_bytes"] == size


async def test_the_placeholder_of_the_handshake_is_exchanged_and_the_rest_is_the_proxys_own(
    live: Proxy, server: Server
) -> None:
    async with dial(live, subprotocols=["chat"], compression="deflate", origin="https://evil.test") as socket:
        theirs = socket.request.headers
    assert live.placeholder() in theirs["Authorization"]
    ours = server.handshakes[0].headers
    assert ours["Authorization"] == f"Bearer {SECRET}"
    assert ours["Sec-WebSocket-Key"] != theirs["Sec-WebSocket-Key"]
    async with dial(live):
        assert server.handshakes[1].headers["Sec-WebSocket-Key"] != ours["Sec-WebSocket-Key"]
    assert ours["Sec-WebSocket-Protocol"] == "chat"
    assert "permessage-deflate" in theirs["Sec-WebSocket-Extensions"]
    assert "Sec-WebSocket-Extensions" not in ours
    assert "Origin" not in ours
    intent, _ = [event for event in await live.settled() if event["kind"] == "intent"]
    assert (intent["calls"][0]["tool"], intent["credentials"]) == ("listen", ["EXAMPLE_KEY"])
    assert intent["dropped"] == ["origin"]


async def test_aiohttp_speaks_through_the_proxy(live: Proxy, server: Server) -> None:
    host, port = live.address
    context = ssl.create_default_context(cafile=str(live.runtime.client.ca))
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(
            f"wss://api.example.com{FREE}",
            proxy=f"http://{host}:{port}",
            proxy_headers={"Proxy-Authorization": live.proxy_auth()},
            headers={"Authorization": f"Bearer {live.placeholder()}"},
            ssl=context,
            compress=15,
        ) as socket,
    ):
        await socket.send_str("hello")
        assert (await socket.receive_str(), socket.compress) == ("hello", 0)
        await socket.send_str(live.placeholder())
        closed = await socket.receive()
        assert (closed.type, closed.data) == (aiohttp.WSMsgType.CLOSE, 1008)
    assert server.heard == ["hello"]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("/talk?model=huge", "no rule allows this"),
        ("/talk", 'the input "model" is missing'),
        ("/talk?model=small&more=1", "names beyond the tool's template"),
        ("/closed", "no rule allows this"),
        ("/elsewhere", "no tool here opens one"),
        ("/items/1", "no tool here opens one"),
    ],
)
async def test_invariant_2_a_denied_handshake_is_silent(
    live: Proxy, server: Server, target: str, reason: str
) -> None:
    status, error = await refused(live, target)
    assert (status, error["code"]) == (403, "denied")
    assert reason in error["message"].lower()
    assert (server.connections, server.bytes_received) == (0, 0)
    assert [kind for kind, _ in await kinds(live)] == ["denied"]


@pytest.mark.parametrize("name", ["Authorization", "X-Custom", "Sec-WebSocket-Protocol"])
async def test_a_placeholder_elsewhere_in_the_handshake_is_misuse(
    live: Proxy, server: Server, name: str
) -> None:
    tunnel = await live.connect()
    value = {
        "Authorization": f"Bearer {live.placeholder('OTHER_KEY')}",
        "X-Custom": live.placeholder(),
        "Sec-WebSocket-Protocol": f"realtime, openai-insecure-api-key.{live.placeholder()}",
    }[name]
    fields = [*HANDSHAKE.items(), (name, value)]
    answered = await tunnel.request("GET", FREE, fields, key=name != "Authorization")
    assert (answered.status, answered.code) == (403, "misuse")
    assert server.connections == 0


MALFORMED = {
    "no key": {"Sec-WebSocket-Key": None},
    "two keys": {"Sec-WebSocket-Key": HANDSHAKE["Sec-WebSocket-Key"] + "\r\nSec-WebSocket-Key: "
                 + HANDSHAKE["Sec-WebSocket-Key"]},
    "short key": {"Sec-WebSocket-Key": base64.b64encode(b"short").decode()},
    "key of another alphabet": {"Sec-WebSocket-Key": "!!!!MDEyMzQ1Njc4OWFiY2Q=="},
    "no version": {"Sec-WebSocket-Version": None},
    "old version": {"Sec-WebSocket-Version": "8"},
    "two versions": {"Sec-WebSocket-Version": "13, 8"},
    "no Connection": {"Connection": None},
    "Connection of something else": {"Connection": "keep-alive"},
    "two protocols": {"Upgrade": "websocket, h2c"},
    "twice": {"Upgrade": "websocket\r\nUpgrade: websocket"},
    "a body": {"Content-Length": "2"},
    "chunks": {"Transfer-Encoding": "chunked"},
}  # fmt: skip


async def test_h22_malformed_handshakes_are_refused_and_silent(live: Proxy, server: Server) -> None:
    wrong = {}
    for name, changed in MALFORMED.items():
        fields = [(key, value) for key, value in {**HANDSHAKE, **changed}.items() if value is not None]
        body = b"{}" if name == "a body" else b""
        head = live.raw("GET", FREE, fields) + (b"0\r\n\r\n" if name == "chunks" else body)
        answered = await (await live.connect()).send(head)
        if (answered.status, answered.code) != (400, "bad_request"):
            wrong[name] = answered
    for method, version in (("POST", "1.1"), ("GET", "1.0")):
        head = live.raw(method, FREE, list(HANDSHAKE.items())).replace(
            b"HTTP/1.1", f"HTTP/{version}".encode(), 1
        )
        answered = await (await live.connect()).send(head)
        if answered.status != 400:
            wrong[f"{method} {version}"] = answered
    assert wrong == {}
    assert (server.connections, server.bytes_received) == (0, 0)
    async with dial(live) as socket:  # the control
        await socket.send("hello")
        assert await socket.recv() == "hello"


async def test_a_websocket_tool_is_no_plain_request(live: Proxy, server: Server) -> None:
    answered = await live.request("GET", FREE)
    assert (answered.status, answered.code) == (403, "denied")
    assert server.connections == 0


async def test_an_offer_of_h2c_is_not_taken_and_other_upgrades_are_refused(proxy: Proxy, origin: Any) -> None:
    offer = [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMA")]
    assert (await proxy.request("GET", "/items/1", offer)).status == 200
    assert origin.requests[0].header("upgrade") is None
    before = origin.bytes_received
    answered = await proxy.request("GET", "/items/1", [("Connection", "Upgrade"), ("Upgrade", "foo")])
    assert (answered.status, origin.bytes_received) == (400, before)


async def test_an_answer_that_is_no_101_is_an_ordinary_response(start: Any, origin: Any, reply: Any) -> None:
    origin.answer = lambda _seen: reply(status=426, body=b"use another key than " + SECRET.encode())
    async with start(FOLDER) as proxy:
        tunnel = await proxy.connect()
        answered = await tunnel.request("GET", FREE, list(HANDSHAKE.items()))
        assert (answered.status, answered.body) == (
            426,
            f"use another key than {proxy.placeholder()}".encode(),
        )
        origin.answer = lambda _seen: reply()
        assert (await tunnel.request("GET", "/items/1")).status == 200


def switching(**changed: str | None) -> Any:
    """Answers a handshake with a 101 that has these fields."""

    def answer(seen: Any) -> bytes:
        from wsproto.utilities import generate_accept_token

        key = seen.header("sec-websocket-key").encode()
        fields = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Accept": generate_accept_token(key).decode(),
            **{name.replace("_", "-"): value for name, value in changed.items()},
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value is not None)
        return f"HTTP/1.1 101 Switching Protocols\r\n{lines}\r\n".encode() + frame(
            TEXT, b"hullo", masked=False
        )

    return answer


@pytest.mark.parametrize(
    "changed",
    [
        {"Sec_WebSocket_Accept": None},
        {"Sec_WebSocket_Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="},
        {"Upgrade": "foo"},
        {"Upgrade": None},
        {"Connection": "keep-alive"},
        {"Sec_WebSocket_Extensions": "permessage-deflate"},
        {"Sec_WebSocket_Protocol": "news"},
        {"Sec_WebSocket_Protocol": "chat, news"},
    ],
)
async def test_f06_a_101_that_does_not_answer_the_handshake_is_withheld(
    start: Any, origin: Any, reply: Any, changed: dict[str, str | None]
) -> None:
    make = switching(**changed)
    origin.answer = lambda seen: reply(raw=make(seen))
    async with start(FOLDER) as proxy:
        tunnel = await proxy.connect()
        answered = await tunnel.request("GET", FREE, [*HANDSHAKE.items(), ("Sec-WebSocket-Protocol", "chat")])
        assert (answered.status, answered.code) == (502, "upstream")
        assert b"hullo" not in answered.body
        assert (await outcome(proxy))["outcome"] == "withheld"


async def test_f06_a_101_to_a_plain_request_closes_both_sides(proxy: Proxy, origin: Any, reply: Any) -> None:
    origin.answer = lambda _seen: reply(raw=b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                        b"Connection: Upgrade\r\n\r\n\x81\x05hullo")  # fmt: skip
    answered = await proxy.request("GET", "/items/1")
    assert (answered.status, answered.code) == (502, "upstream")
    assert b"hullo" not in answered.body


async def test_both_may_speak_before_the_handshake_has_come_back(
    start: Any, test_ca: Any, plain_origin: Any
) -> None:
    async with lurking(test_ca.context(), frame(TEXT, b"hullo", masked=False)) as early:
        settings = SETTINGS.format(port=early.port, plain=plain_origin.port)
        async with start({**FOLDER, "wharfinger.yaml": settings}) as proxy:
            tunnel = await proxy.connect()
            head = proxy.raw("GET", FREE, list(HANDSHAKE.items()))
            tunnel.writer.write(head + frame(TEXT, b"ahead") + frame(TEXT, proxy.placeholder().encode()))
            head = await asyncio.wait_for(tunnel.reader.readuntil(b"\r\n\r\n"), 10)
            socket = Raw(tunnel, head)
            assert await socket.frame() == (TEXT, b"hullo")
            assert (await socket.closing())[0] == 1008
            assert len(early.heard) > len(frame(TEXT, b"ahead"))


async def test_ws_goes_through_the_proxy_too_by_tunnel_and_by_absolute_target(
    start: Any, origin: Any
) -> None:
    tool = "tool: plain\neffect: read\nrun: {type: websocket, url: ws://plain.example.com/x}\n"
    policy = "policy: everyday\nallow: [{tool: plain}]\n"
    async with serving(None) as server:
        settings = SETTINGS.format(port=origin.port, plain=server.port)
        files = {**FOLDER, "tools/plain.yaml": tool, "policies/everyday.yaml": policy}
        async with start({**files, "wharfinger.yaml": settings}) as proxy:
            host, port = proxy.address
            by_tunnel = f"http://{proxy.agent}:{proxy.token()}@{host}:{port}"
            async with websockets.connect("ws://plain.example.com/x", proxy=by_tunnel) as socket:
                await socket.send("hello")
                assert await socket.recv() == "hello"
            reader, writer = await proxy.open()
            fields = {"Host": "plain.example.com", "Proxy-Authorization": proxy.proxy_auth(), **HANDSHAKE}
            lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
            writer.write(f"GET http://plain.example.com/x HTTP/1.1\r\n{lines}\r\n".encode())
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
            raw_socket = Raw(Tunnel(proxy, reader, writer), head)
            assert head.startswith(b"HTTP/1.1 101 ")
            await raw_socket.send(frame(TEXT, b"hello"))
            assert await raw_socket.frame() == (TEXT, b"hello")
        assert [request.path for request in server.handshakes] == ["/x", "/x"]
        assert "Proxy-Authorization" not in server.handshakes[1].headers


# What the agent says


SPELLINGS = {
    "text": lambda text: text,
    "upper case": lambda text: text.upper(),
    "binary": lambda text: b"\x00\x01" + text.encode(),
    "base64": lambda text: base64.b64encode(b"user:" + text.encode()),
    "JSON escapes": lambda text: f"\\u{ord(text[0]):04x}{text[1:]}".join('""'),
    "percent": lambda text: f"%{ord(text[0]):02x}{text[1:]}",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_invariant_5_a_placeholder_in_a_message_closes_the_connection(
    live: Proxy, server: Server, spelling: str
) -> None:
    async with dial(live) as socket:
        await socket.send("before")
        assert await socket.recv() == "before"
        await socket.send(SPELLINGS[spelling](live.placeholder()))
        code, reason = await told(socket)
    assert code == 1008
    assert "placeholder for EXAMPLE_KEY" in reason
    assert server.heard == ["before"]
    assert ("denied", "misuse") in await kinds(live)
    ended = await outcome(live)
    assert (ended["outcome"], ended["reason"]) == ("withheld", "a message was refused")
    assert (ended["request_messages"], ended["response_messages"]) == (1, 1)
    assert server.closed == [(1001, "")]


async def test_invariant_5_another_agents_placeholder_is_misuse_too(live: Proxy, server: Server) -> None:
    async with dial(live) as socket:
        await socket.send(f"take {live.placeholder(agent='second')}")
        code, reason = await told(socket)
    assert (code, "another agent's placeholder" in reason) == (1008, True)
    assert server.heard == []


async def test_f06_a_placeholder_in_fragments_cut_anywhere_is_found(live: Proxy, server: Server) -> None:
    text = live.placeholder().encode()
    for cut in range(1, len(text)):
        socket = await raw(live)
        await socket.send(frame(TEXT, text[:cut], fin=False) + frame(PING, b"") + frame(0, text[cut:]))
        assert (await socket.closing())[0] == 1008
    assert server.heard == []


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
async def test_control_frames_carry_no_placeholder(live: Proxy, server: Server, opcode: int) -> None:
    socket = await raw(live)
    payload = live.placeholder().encode()
    await socket.send(frame(opcode, close_payload(1000) + payload if opcode == CLOSE else payload))
    assert (await socket.closing())[0] == 1008
    assert ("denied", "misuse") in await kinds(live)
    assert server.closed == [(1001, "")]


@pytest.mark.parametrize(
    "message",
    [
        "-----BEGIN PRIVATE KEY-----",
        b"\x00-----BEGIN RSA PRIVATE KEY-----",
        '{"key": "-----\\u0042EGIN PRIVATE KEY-----"}',
        pytest.param("x" * 300_000, id="longer than what is read"),
    ],
)
async def test_deny_patterns_are_looked_for_in_messages(
    live: Proxy, server: Server, message: str | bytes
) -> None:
    async with dial(live) as socket:
        await socket.send("-----BEGIN PUBLIC KEY-----")
        await socket.recv()
        await socket.send(message)
        assert (await told(socket))[0] == 1008
    assert len(server.heard) == 1


async def test_a_declared_message_is_a_call_with_an_intent_before_it(live: Proxy, server: Server) -> None:
    async with dial(live, TALK) as socket:
        for text in ("one", "two"):
            message = json.dumps({"type": "say", "text": text, "loud": True})
            await socket.send(message)
            assert await socket.recv() == message
    assert await kinds(live) == [
        ("intent", "talk"),
        ("intent", "say"),
        ("outcome", "completed"),
        ("intent", "say"),
        ("outcome", "completed"),
        ("outcome", "completed"),
    ]
    said = [event for event in await live.settled() if event["kind"] == "intent"][1]
    assert said["calls"][0]["inputs"] == {"text": "one", "loud": True}
    assert "credentials" not in said


REFUSED = {
    "by its inputs": ({"type": "say", "text": "x" * 200}, "no rule allows this"),
    "by a deny rule": ({"type": "shout", "text": "hey"}, "nobody shouts here"),
    "asked about": ({"type": "pay", "amount": 3}, "a message on an open connection cannot wait for approval"),
    "of no tool": ({"type": "sing", "text": "la"}, "is no known tool"),
    "a bad input": ({"type": "say", "text": 7}, 'the input "text" is not text'),
    "a missing input": ({"type": "say"}, 'the input "text" is missing'),
    "more than the template": ({"type": "say", "text": "a", "to": "all"}, "names beyond the tool's template"),
    "not JSON": ("say hello", "the message is not JSON"),
    "a key twice": ('{"type": "say", "type": "shout", "text": "a"}', "the message is not JSON"),
    "binary": (b'{"type": "say", "text": "a"}', "the message is not JSON"),
    "a list": ([{"type": "say", "text": "a"}], "is no known tool"),
    "too long to read": ({"type": "say", "text": "a" * 300_000}, "the message is longer than"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_message_that_is_no_allowed_call_closes_the_connection_unsent(
    live: Proxy, server: Server, case: str
) -> None:
    message, why = REFUSED[case]
    async with dial(live, TALK) as socket:
        await socket.send(message if isinstance(message, str | bytes) else json.dumps(message))
        code, reason = await told(socket)
    assert code == 1008
    assert why[:60] in reason
    decision = reason.rpartition("(")[2].rstrip(")")
    assert [event["kind"] for event in await live.events(decision)] == ["denied"]
    assert server.heard == []


async def test_what_is_said_after_a_refused_message_goes_nowhere(live: Proxy, server: Server) -> None:
    socket = await raw(live, TALK)
    good = frame(TEXT, b'{"type": "say", "text": "a"}')
    await socket.send(good + frame(TEXT, b'{"type": "shout", "text": "a"}') + good)
    assert (await socket.closing())[0] == 1008
    assert len(server.heard) == 1
    tools = [name for kind, name in await kinds(live) if kind == "intent"]
    assert tools == ["talk", "say"]


async def test_invariant_1_a_message_that_no_hook_has_opened_goes_nowhere(
    live: Proxy, server: Server
) -> None:
    table = live.runtime.master.table
    async with dial(live) as socket:
        table._handlers = {  # type: ignore[misc]
            name: held for name, held in table._handlers.items() if name != "agent_message"
        }
        await socket.send("hello")
        code, reason = await told(socket)
    assert (code, "not opened by the gate" in reason) == (1008, True)
    assert server.heard == []


async def test_invariant_1_a_hook_that_raises_opens_no_message(live: Proxy, server: Server) -> None:
    async with dial(live) as socket:

        def fail(*_: Any) -> None:
            raise RuntimeError("broken by a test")

        live.runtime.master.table._handlers = {  # type: ignore[misc]
            **live.runtime.master.table._handlers,
            "agent_message": (fail,),
        }
        await socket.send("hello")
        assert (await told(socket))[0] == 1008
    assert server.heard == []


async def test_invariant_6_a_message_whose_intent_is_not_durable_is_not_sent(
    live: Proxy, server: Server, monkeypatch: Any
) -> None:
    async with dial(live, TALK) as socket:
        await socket.send('{"type": "say", "text": "a"}')
        await socket.recv()

        async def fail(*_: Any, **__: Any) -> None:
            raise BookUnavailable("broken by a test")

        monkeypatch.setattr(type(live.runtime.gate.book), "write", fail)
        await socket.send('{"type": "say", "text": "b"}')
        code, reason = await told(socket)
        monkeypatch.undo()
    assert (code, "audit log cannot be written" in reason) == (1008, True)
    assert len(server.heard) == 1


async def test_what_is_sent_is_what_was_decided(live: Proxy, server: Server, monkeypatch: Any) -> None:
    """A permit is for these bytes: a message that changes after its decision is not sent."""
    say = websocket.Relay._as_sent

    def swap(self: websocket.Relay, said: websocket.Said) -> Any:
        said.heard = type(said.heard)(said.heard.kind, b'{"type": "shout", "text": "a"}')
        return say(self, said)

    monkeypatch.setattr(websocket.Relay, "_as_sent", swap)
    async with dial(live, TALK) as socket:
        await socket.send('{"type": "say", "text": "a"}')
        code, _ = await told(socket)
    assert code == 1008
    assert server.heard == []


# What the server says


@pytest.mark.parametrize("piece", [1, 7, 65536])
async def test_invariant_4_secrets_are_taken_out_of_messages_cut_anywhere(
    live: Proxy, server: Server, piece: int
) -> None:
    async def tell(connection: Any) -> None:
        await connection.send(f"your key is {SECRET}, not {OTHER_SECRET}")
        await connection.send(b"\xff" + SECRET.encode())
        await connection.send(base64.b64encode(SECRET.encode()))
        for cut in range(1, len(SECRET), 5):
            await connection.send([SECRET[:cut], SECRET[cut:]])
        await connection.send("done")

    server.piece, server.handler = piece, tell
    async with dial(live) as socket:
        mine = live.placeholder()
        assert await socket.recv() == f"your key is {mine}, not {live.placeholder('OTHER_KEY')}"
        assert await socket.recv() == b"\xff" + mine.encode()
        got = [await socket.recv() for _ in range(2 + len(range(1, len(SECRET), 5)))]
        assert set(got[1:-1]) == {mine}
        assert got[-1] == "done"
        assert base64.b64encode(SECRET.encode()) not in got
    found = (await outcome(live))["findings"]
    assert found["EXAMPLE_KEY"] >= 3
    assert found["OTHER_KEY"] == 1


async def test_invariant_4_a_secret_over_two_messages_never_arrives_whole(
    live: Proxy, server: Server
) -> None:
    cuts = list(range(1, len(SECRET)))

    async def tell(connection: Any) -> None:
        for cut in cuts:
            await connection.send(f"<{SECRET[:cut]}")
            await connection.send(f"{SECRET[cut:]}>")
        await connection.send("sending")
        await connection.send("s")
        await connection.send("ending")

    server.handler = tell
    async with dial(live) as socket:
        got = [await socket.recv() for _ in range(2 * len(cuts) + 3)]
    assert SECRET not in "".join(got)
    assert all(text.endswith(">") for text in got[1 : 2 * len(cuts) : 2])
    assert got[-3:] == ["sending", "s", "ending"]


async def test_invariant_4_close_reasons_and_pings_hold_no_secret(live: Proxy, server: Server) -> None:
    async def tell(connection: Any) -> None:
        await connection.ping(SECRET)
        await connection.close(4000, f"bad key {SECRET}")

    server.handler = tell
    socket = await raw(live)
    assert await socket.frame() == (PING, live.placeholder().encode())
    assert (await socket.frame()) == (CLOSE, close_payload(4000, f"bad key {live.placeholder()}"))


async def test_invariant_4_no_secret_is_in_flow_or_book(
    start: Any, server: Server, plain_origin: Any
) -> None:
    shown: list[str] = []

    def watch(hook: Any) -> None:
        flow = getattr(hook, "flow", None)
        shown.append(repr(flow.get_state() if flow is not None else ""))
        shown.append(repr(hook))

    files = {
        "wharfinger.yaml": SETTINGS.format(port=server.port, plain=plain_origin.port),
        **FOLDER,
    }
    async with start(files, observers=[watch]) as proxy:
        async with dial(proxy) as socket:
            await socket.send("hello")
            await socket.recv()
        book = repr(await proxy.settled())
    assert server.handshakes[0].headers["Authorization"] == f"Bearer {SECRET}"
    assert any("hello" in text for text in shown)
    assert SECRET not in "".join(shown) + book


async def test_fields_of_messages_are_masked_where_the_tool_says_so(live: Proxy, server: Server) -> None:
    async def tell(connection: Any) -> None:
        await connection.send('{"owner": {"email": "a@example.com", "name": "a"}}')
        await connection.send("not JSON: a@example.com")

    server.handler = tell
    async with dial(live, MASKED) as socket:
        first = await socket.recv()
        assert json.loads(first)["owner"]["name"] == "a"
        assert "a@example.com" not in first
        code, reason = await told(socket)
    assert (code, "are to be redacted" in reason) == (1011, True)
    assert (await outcome(live))["outcome"] == "withheld"


async def test_what_detectors_find_in_texts_is_masked_where_the_tool_says_so(
    live: Proxy, server: Server
) -> None:
    """Not in binary messages, which are no text."""

    async def tell(connection: Any) -> None:
        await connection.send(f"a@example.com paid with 4111111111111111 by {SECRET}")
        await connection.send(b"a@example.com")
        await connection.send("4111111111111112 is none")

    server.handler = tell
    async with dial(live, "/found") as socket:
        assert await socket.recv() == f"[redacted:email] paid with [redacted:card] by {live.placeholder()}"
        assert await socket.recv() == b"a@example.com"
        assert await socket.recv() == "4111111111111112 is none"
    assert (await outcome(live))["findings"] == {"email": 1, "card": 1, "EXAMPLE_KEY": 1}


async def test_pseudonyms_stand_in_messages_too(live: Proxy, server: Server) -> None:
    """Equal values look equal to one agent."""

    async def tell(connection: Any) -> None:
        for number in ("1", "1", "2"):
            await connection.send(json.dumps({"id": number}))

    server.handler = tell
    async with dial(live, "/pseudonymous") as socket:
        one, same, other = [json.loads(await socket.recv())["id"] for _ in range(3)]
    assert one.startswith("[hash:")
    assert one == same != other


# Changes while it is open


async def _suspend(proxy: Proxy) -> None:
    desk = proxy.runtime.desk
    changed = await desk.store.run(agents.suspend, "bot", "by a test", desk.clock.now())
    proxy.runtime.live.update_agent(changed)


async def _reload(proxy: Proxy) -> None:
    path = proxy.folder / "policies" / "everyday.yaml"
    path.write_text(path.read_text().replace("  - tool: listen\n", ""))
    await Reloader(proxy.runtime).reload(snapshot.read(proxy.folder), "alice")


async def _stop(proxy: Proxy) -> None:
    proxy.runtime.live.stop_all("everything was stopped")


async def test_an_agent_is_told_although_something_it_said_is_still_being_decided(
    live: Proxy, server: Server, monkeypatch: Any
) -> None:
    decided = asyncio.Event()

    async def never(*_: Any) -> Any:
        await decided.wait()

    socket = await raw(live)
    monkeypatch.setattr(type(live.runtime.gate), "admit", never)
    await socket.send(frame(TEXT, b"hello"))
    await asyncio.sleep(0.1)
    await socket.send(frame(BINARY, b"x" * 1_000_000))  # waits in the sockets
    await _suspend(live)
    await asyncio.sleep(2 * handler.LINGER)  # long enough for a reset, which would take away what it was told
    code, reason = await socket.closing()
    assert (code, "suspended" in reason) == (1008, True)
    assert server.heard == []


@pytest.mark.parametrize(
    ("act", "why"),
    [(_suspend, "suspended"), (_reload, "no rule allows this"), (_stop, "everything was stopped")],
)
async def test_an_open_connection_that_is_no_longer_allowed_is_closed_at_once(
    live: Proxy, server: Server, act: Any, why: str
) -> None:
    async with dial(live) as socket:
        await socket.send("hello")
        await socket.recv()
        await act(live)
        begun = time.monotonic()
        code, reason = await told(socket)
        assert time.monotonic() - begun < 1  # what is promised, not how fast this machine is
    assert (code, why in reason) == (1008, True)
    ended = await outcome(live)
    assert (ended["outcome"], ended["request_messages"]) == ("withheld", 1)
    assert ended["reason"].startswith("cut off: ")
    assert server.closed == [(1001, "")]


async def test_positive_control_a_change_that_concerns_nobody_here_closes_nothing(
    live: Proxy, server: Server
) -> None:
    async with dial(live) as socket:
        path = live.folder / "policies" / "everyday.yaml"
        path.write_text(path.read_text().replace("  - tool: masked\n", ""))
        await Reloader(live.runtime).reload(snapshot.read(live.folder), "alice")
        await socket.send("hello")
        assert await socket.recv() == "hello"


async def test_a_message_decided_before_a_reload_is_decided_again(
    live: Proxy, server: Server, monkeypatch: Any
) -> None:
    gate, admitted = live.runtime.gate, []
    admit = type(gate).admit

    async def slowly(self: Any, *arguments: Any) -> Any:
        admission = await admit(self, *arguments)
        if not admitted:
            live.runtime.live.swap(live.runtime.live.configuration, live.runtime.live.agents)
        admitted.append(admission)
        return admission

    async with dial(live, TALK) as socket:
        monkeypatch.setattr(type(gate), "admit", slowly)
        await socket.send('{"type": "say", "text": "a"}')
        assert await socket.recv() == '{"type": "say", "text": "a"}'
    assert len(server.heard) == 1
    said = [(kind, name) for kind, name in await kinds(live)][1:-1]
    assert said == [("intent", "say"), ("outcome", "not_sent"), ("intent", "say"), ("outcome", "completed")]


# The end


async def test_a_close_passes_both_ways_with_code_and_reason(live: Proxy, server: Server) -> None:
    async with dial(live) as socket:
        await socket.close(4001, "bye")
        assert (socket.close_code, socket.close_reason) == (4001, "bye")
    assert (await outcome(live))["outcome"] == "completed"
    assert server.closed == [(4001, "bye")]

    async def leave(connection: Any) -> None:
        await connection.close(4002, "enough")

    server.handler = leave
    async with dial(live) as socket:
        assert await told(socket) == (4002, "enough")


async def test_a_close_without_a_code_passes(live: Proxy, server: Server) -> None:
    socket = await raw(live)
    await socket.send(frame(CLOSE, b""))
    assert await socket.frame() == (CLOSE, b"")
    assert (await outcome(live))["outcome"] == "completed"
    assert server.closed == [(1005, "")]


async def test_an_agent_that_vanishes_is_an_outcome_and_the_server_is_told(
    live: Proxy, server: Server
) -> None:
    socket = await raw(live)
    await socket.send(frame(TEXT, b"hello"))
    await socket.frame()
    socket.tunnel.writer.transport.abort()
    assert (await outcome(live))["outcome"] == "client_gone"
    async with asyncio.timeout(5):
        while not server.closed:
            await asyncio.sleep(0.01)
    assert server.closed == [(1001, "")]


async def test_a_server_that_vanishes_is_told_to_the_agent(live: Proxy, server: Server) -> None:
    async def vanish(connection: Any) -> None:
        connection.transport.abort()

    server.handler = vanish
    async with dial(live) as socket:
        code, reason = await told(socket)
    assert (code, "without a Close frame" in reason) == (1011, True)
    assert (await outcome(live))["outcome"] == "upstream_failed"


async def test_a_close_that_is_not_answered_ends_all_the_same(
    start: Any, test_ca: Any, plain_origin: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(websocket, "CLOSE_TIMEOUT", 0.2)
    async with lurking(test_ca.context()) as silent:
        settings = SETTINGS.format(port=silent.port, plain=plain_origin.port)
        async with start({**FOLDER, "wharfinger.yaml": settings}) as proxy:
            socket = await raw(proxy)
            await socket.send(frame(CLOSE, close_payload(1000)))
            assert await socket.closing() == (1000, "the Close frame was not answered")
            ended = await outcome(proxy)
            assert (ended["outcome"], ended["reason"]) == ("completed", "the Close frame was not answered")


async def test_an_agent_that_does_not_answer_a_close_is_not_waited_for(
    live: Proxy, server: Server, monkeypatch: Any
) -> None:
    monkeypatch.setattr(websocket, "CLOSE_TIMEOUT", 0.2)

    async def leave(connection: Any) -> None:
        await connection.close(4002, "enough")

    server.handler = leave
    socket = await raw(live)
    assert await socket.closing() == (4002, "enough")
    assert (await outcome(live))["outcome"] == "completed"
