"""HTTP/2 from the agent, with an upstream that speaks HTTP/1: every stream is decided alone."""

from __future__ import annotations

import asyncio
from typing import Any

from mitmproxy.proxy.layer import NextLayer
from wharfinger.flow import http2_agent
from wharfinger.flow.sealed import SealedHttpLayer

from tests.addon.flow.conftest import SECRET
from tests.addon.flow.http2_ends import comes_to_rest, http2

JSON = ("content-type", "application/json")


async def test_an_allowed_request_goes_out_with_the_real_credential(proxy: Any, origin: Any) -> None:
    agent = await http2(proxy)
    got = await agent.request("GET", "/items/7")
    assert (got.status, got.ended) == (200, True)
    assert got.headers["wharfinger-decision"].startswith("d_")
    (seen,) = origin.requests
    assert (seen.method, seen.target, seen.header("authorization")) == ("GET", "/items/7", f"Bearer {SECRET}")
    assert SECRET.encode() not in bytes(got.body)
    kinds = [event["kind"] for event in await proxy.events(got.headers["wharfinger-decision"])]
    assert kinds == ["intent", "outcome"]
    await agent.close()


async def test_bodies_are_read_whole_before_anything_is_sent(proxy: Any, origin: Any) -> None:
    agent = await http2(proxy)
    stream_id = agent.begin(agent.fields("POST", "/items", [JSON]))
    agent.send(stream_id, b'{"name": ')
    await agent.request("GET", "/items/1")
    assert [seen.method for seen in origin.requests] == ["GET"]
    agent.send(stream_id, b'"x"}', end=True)
    got = await agent.answer(stream_id)
    assert got.status == 200
    assert origin.requests[-1].body == b'{"name": "x"}'
    await agent.close()


async def test_many_small_bodies_do_not_use_up_the_window(proxy: Any, origin: Any) -> None:
    """Each is too small for a credit of its own: those that have ended, and those that have not."""
    agent, size = await http2(proxy), 12_000
    body = b'{"name": "%b"}' % (b"x" * size)
    async with asyncio.timeout(60):
        for _ in range(4 * http2_agent.WINDOW // size + 10):
            stream_id = agent.begin(agent.fields("POST", "/items", [JSON]))
            await agent.upload(stream_id, body)
            assert (await agent.answer(stream_id)).status == 200
        for _ in range(4 * http2_agent.WINDOW // size + 5):
            await agent.upload(agent.begin(agent.fields("POST", "/items", [JSON])), body[:-2], end=False)
        assert (await agent.request("GET", "/items/1")).status == 200
    await agent.close()


async def test_denied_requests_are_silent_and_the_others_go_on(proxy: Any, origin: Any) -> None:
    agent = await http2(proxy)
    denied = [agent.begin(agent.fields("DELETE", f"/items/{n}"), end=True) for n in range(5)]
    allowed = [agent.begin(agent.fields("GET", f"/items/{n}"), end=True) for n in range(5)]
    answers = await asyncio.gather(*(agent.answer(stream_id) for stream_id in (*denied, *allowed)))
    assert [got.status for got in answers] == [403] * 5 + [200] * 5
    assert all(got.answered.code == "denied" for got in answers[:5])
    assert {seen.method for seen in origin.requests} == {"GET"}
    await agent.close()


async def test_a_refused_head_is_answered_without_a_body(proxy: Any, origin: Any) -> None:
    """By policy, and as one that breaks the rules."""
    agent = await http2(proxy)
    denied = await agent.request("HEAD", "/nowhere")
    fields = [
        ("x", "y") if name == ":scheme" else (name, value) for name, value in agent.fields("HEAD", "/x")
    ]
    broken = [(":scheme", "http"), *(field for field in fields if field != ("x", "y"))]
    malformed = await agent.answer(agent.begin(broken, end=True))
    assert (denied.status, malformed.status) == (403, 400)
    for got in (denied, malformed):
        assert (bytes(got.body), got.ended, got.reset) == (b"", True, None)
        assert int(got.headers["content-length"]) > 100
    assert (await agent.request("GET", "/items/1")).status == 200
    await agent.close()


async def test_requests_at_the_same_time_have_connections_of_their_own(
    proxy: Any, origin: Any, reply: Any
) -> None:
    """An upstream that speaks HTTP/1 answers one at a time: none waits for another's answer."""
    released = asyncio.Event()

    async def answer(seen: Any) -> Any:
        if seen.target == "/items/slow":
            await released.wait()
        return reply(body=b"{}")

    origin.answer = answer
    agent = await http2(proxy)
    slow = agent.begin(agent.fields("GET", "/items/slow"), end=True)
    for number in range(4):
        assert (await agent.request("GET", f"/items/{number}")).status == 200
    assert not agent.got[slow].ended
    released.set()
    assert (await agent.answer(slow)).status == 200
    assert origin.connections == 2  # the four came after one another, on one
    await agent.close()


async def test_a_body_that_is_announced_is_asked_for(proxy: Any, origin: Any) -> None:
    agent = await http2(proxy)
    stream_id = agent.begin(agent.fields("POST", "/items", [JSON, ("expect", "100-continue")]))
    await agent.until(lambda: agent.got[stream_id].interim == [100])
    assert not origin.requests
    agent.send(stream_id, b'{"name": "x"}', end=True)
    assert (await agent.answer(stream_id)).status == 200
    assert agent.got[stream_id].interim == [100]
    await agent.close()


async def test_http2_without_tls_is_refused(proxy: Any, origin: Any) -> None:
    back = await proxy.plain(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
    assert back.startswith(b"HTTP/1.1 400 ")
    assert not origin.requests


async def test_one_stream_that_is_not_allowed_any_more_is_cut_off_alone(
    proxy: Any, origin: Any, reply: Any
) -> None:
    waiting = asyncio.Event()

    async def answer(_seen: Any) -> Any:
        await waiting.wait()
        return reply(body=b"{}")

    origin.answer = answer
    agent = await http2(proxy)
    cut, kept = (agent.begin(agent.fields("GET", f"/items/{name}"), end=True) for name in ("cut", "kept"))
    async with asyncio.timeout(10):
        while len(origin.requests) < 2:
            await asyncio.sleep(0.01)
    sessions = proxy.runtime.master.parts.sessions
    closed = sessions.recheck(lambda p: "not now" if p.request.target == "/items/cut" else None)
    assert closed == 1
    got = await agent.answer(cut)
    assert (got.status, got.answered.code) == (403, "denied")
    assert not agent.got[kept].ended
    waiting.set()
    assert (await agent.answer(kept)).status == 200
    outcomes = [event["outcome"] for event in await proxy.settled() if event["kind"] == "outcome"]
    assert sorted(outcomes) == ["completed", "withheld"]
    await agent.close()


def layer_of(proxy: Any) -> SealedHttpLayer:
    """The HTTP layer inside the tunnel of the one connection there is."""
    (handler,) = proxy.runtime.master.listener._open
    found = handler.layer
    while not isinstance(found, SealedHttpLayer):
        found = found.layer if isinstance(found, NextLayer) else found.child_layer
    return found


async def test_nothing_is_kept_of_requests_that_have_ended(proxy: Any, origin: Any) -> None:
    agent = await http2(proxy)
    for number in range(3):
        assert (await agent.request("GET", f"/items/{number}")).status == 200
        assert (await agent.request("DELETE", f"/items/{number}")).status == 403
        large = agent.begin(agent.fields("POST", "/items", [JSON, ("content-length", "9000000")]))
        assert (await agent.answer(large)).status == 413
        left = agent.begin(agent.fields("POST", "/items", [JSON]))
        agent.h2.reset_stream(left, 8)
        agent.flush()
    assert (await agent.request("GET", "/items/9")).status == 200
    layer = layer_of(proxy)
    side = layer.agent_side
    kept = (layer.streams, layer._passages, layer.command_sources, side._streams, side._out, side._unread)
    assert [len(one) for one in kept] == [0] * 6
    (link,) = proxy.runtime.master.parts.sessions.links()
    assert not link.exchanges
    await agent.close()


async def test_nothing_is_kept_of_upstream_connections_that_were_closed(
    proxy: Any, origin: Any, reply: Any
) -> None:
    headers = [("Content-Type", "application/json"), ("Connection", "close")]
    origin.answer = lambda _seen: reply(headers=headers)
    agent = await http2(proxy)
    for number in range(6):
        assert (await agent.request("GET", f"/items/{number}")).status == 200
        async with asyncio.timeout(10):
            while any(one.connected for one in layer_of(proxy)._routes._sides):
                await asyncio.sleep(0.01)
    assert origin.connections == 6
    assert len(layer_of(proxy)._routes._sides) <= 2  # the last one, and one that was not quite over
    await agent.close()


async def test_an_upstream_of_http1_waits_for_the_agent_to_make_room(
    proxy: Any, origin: Any, reply: Any
) -> None:
    """It is read no further while one stream is full, whatever the others do, and goes on from there."""
    size = 16 * 1024 * 1024
    headers = [("Content-Type", "application/octet-stream")]
    origin.answer = lambda seen: reply(
        body=b"x" * (size if seen.target == "/items/large" else 10), headers=headers
    )
    agent = await http2(proxy)
    agent.credit = False
    large = agent.begin(agent.fields("GET", "/items/large"), end=True)
    await agent.until(lambda: len(agent.got[large].body) >= 65_535)
    side = layer_of(proxy).agent_side
    assert 0 < await comes_to_rest(lambda: side.backlog(large)) < size // 4
    agent.credit = True
    agent.h2.increment_flow_control_window(size)
    assert len((await agent.request("GET", "/items/small")).body) == 10
    assert 0 < await comes_to_rest(lambda: side.backlog(large)) < size // 4
    agent.h2.increment_flow_control_window(size, large)
    agent.flush()
    assert len((await agent.answer(large)).body) == size
    await agent.close()


async def test_a_connection_that_the_agent_closes_is_over(proxy: Any, origin: Any) -> None:
    agent = await http2(proxy)
    assert (await agent.request("GET", "/items/1")).status == 200
    agent.writer.close()
    async with asyncio.timeout(10):
        while len(proxy.runtime.master.parts.sessions):
            await asyncio.sleep(0.01)
