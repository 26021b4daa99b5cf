"""HTTP/2 from the agent, with an upstream that speaks HTTP/1: every stream is decided alone."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.addon.flow.conftest import SECRET
from tests.addon.flow.http2_ends import http2

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


async def test_denied_requests_are_silent_and_the_others_go_on(proxy: Any, origin: Any) -> None:
    agent = await http2(proxy)
    denied = [agent.begin(agent.fields("DELETE", f"/items/{n}"), end=True) for n in range(5)]
    allowed = [agent.begin(agent.fields("GET", f"/items/{n}"), end=True) for n in range(5)]
    answers = await asyncio.gather(*(agent.answer(stream_id) for stream_id in (*denied, *allowed)))
    assert [got.status for got in answers] == [403] * 5 + [200] * 5
    assert all(got.answered.code == "denied" for got in answers[:5])
    assert {seen.method for seen in origin.requests} == {"GET"}
    await agent.close()
