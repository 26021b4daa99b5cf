"""HTTP/2 at both ends: one upstream connection for many requests, trailers, resets, windows, going away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from h2.errors import ErrorCodes
from wharfinger.flow import http2_upstream

from tests.addon.flow.conftest import OTHERS, POLICY, SECRET, SETTINGS
from tests.addon.flow.http2_ends import Asked, Http2Origin, Speaker, comes_to_rest, http2, serving

JSON = ("content-type", "application/json")


@pytest.fixture
async def upstream(test_ca: Any) -> AsyncIterator[Http2Origin]:
    async with serving(test_ca.context()) as made:
        yield made


@pytest.fixture
async def proxy(start: Any, upstream: Http2Origin, plain_origin: Any) -> AsyncIterator[Any]:
    settings = SETTINGS.format(port=upstream.port, plain=plain_origin.port)
    async with start({"wharfinger.yaml": settings}) as p:
        yield p


async def test_many_requests_go_out_on_one_connection(proxy: Any, upstream: Http2Origin) -> None:
    agent = await http2(proxy)
    streams = [agent.begin(agent.fields("GET", f"/items/{n}"), end=True) for n in range(40)]
    answers = await asyncio.gather(*(agent.answer(stream_id) for stream_id in streams))
    assert [got.status for got in answers] == [200] * 40, answers[0].body
    assert upstream.connections == 1
    assert {seen.header("authorization") for seen in upstream.requests} == {f"Bearer {SECRET}"}
    assert {seen.header(":authority") for seen in upstream.requests} == {"api.example.com"}
    await agent.close()


async def test_trailers_reach_the_agent_without_secrets(proxy: Any, upstream: Http2Origin) -> None:
    async def answer(speaker: Speaker, asked: Asked) -> None:
        await speaker.reply(
            asked.stream_id, 200, [("content-type", "text/plain")], b"body",
            [("x-sum", "12"), ("x-key", f"it is {SECRET}"), ("set-cookie", "a=b"), ("wharfinger-x", "y")],
        )  # fmt: skip

    upstream.handler = answer
    agent = await http2(proxy)
    got = await agent.request("GET", "/items/1")
    assert bytes(got.body) == b"body"
    assert got.trailers["x-sum"] == "12"
    assert SECRET not in got.trailers["x-key"]
    assert got.trailers.keys() == {"x-sum", "x-key"}
    await agent.close()


async def test_a_reset_by_the_agent_resets_the_upstream_and_is_recorded(
    proxy: Any, upstream: Http2Origin
) -> None:
    waiting = asyncio.Event()

    async def answer(speaker: Speaker, asked: Asked) -> None:
        if asked.header(":path") == "/items/1":
            await waiting.wait()
        else:
            await speaker.reply(asked.stream_id, 200, body=b"ok")

    upstream.handler = answer
    agent = await http2(proxy)
    slow = agent.begin(agent.fields("GET", "/items/1"), end=True)
    assert (await agent.request("GET", "/items/2")).status == 200
    agent.h2.reset_stream(slow, ErrorCodes.CANCEL)
    agent.flush()
    assert (await agent.request("GET", "/items/3")).status == 200
    async with asyncio.timeout(10):
        while upstream.requests[0].reset is None:
            await asyncio.sleep(0.01)
    assert upstream.connections == 1
    outcomes = [event for event in await proxy.settled() if event["kind"] == "outcome"]
    assert sorted(event["outcome"] for event in outcomes) == ["client_gone", "completed", "completed"]
    await agent.close()


async def test_an_upstream_that_goes_away_ends_what_it_has_taken(proxy: Any, upstream: Http2Origin) -> None:
    async def answer(speaker: Speaker, asked: Asked) -> None:
        if speaker.number == 1:
            # As nginx does: the last stream it takes is named while it is being answered.
            frame = b"\0\0\x08\x07\0\0\0\0\0" + asked.stream_id.to_bytes(4, "big") + b"\0\0\0\0"
            speaker.flush()
            speaker.writer.write(frame)
        await speaker.reply(asked.stream_id, 200, body=b"x" * 100_000)

    upstream.handler = answer
    agent = await http2(proxy)
    for number in range(2):
        got = await agent.request("GET", f"/items/{number}")
        assert (got.status, len(got.body)) == (200, 100_000)
    assert upstream.connections == 2
    await agent.close()


async def test_a_slow_agent_holds_back_its_own_stream_and_no_other(proxy: Any, upstream: Http2Origin) -> None:
    size = 16 * 1024 * 1024

    async def answer(speaker: Speaker, asked: Asked) -> None:
        large = asked.header(":path") == "/items/large"
        await speaker.reply(asked.stream_id, 200, body=b"x" * (size if large else 10))

    upstream.handler = answer
    agent = await http2(proxy)
    agent.credit = False
    large = agent.begin(agent.fields("GET", "/items/large"), end=True)
    await agent.until(lambda: len(agent.got[large].body) >= 65_535)
    assert await comes_to_rest(lambda: upstream.sent) < size // 4  # the rest waits there, not here
    agent.credit = True
    agent.h2.increment_flow_control_window(size)
    assert len((await agent.request("GET", "/items/small")).body) == 10
    agent.h2.increment_flow_control_window(size, large)
    agent.flush()
    assert len((await agent.answer(large)).body) == size
    await agent.close()


async def test_a_large_upload_waits_for_its_upstream(proxy: Any, upstream: Http2Origin) -> None:
    upstream.credit = False
    agent = await http2(proxy, "files.example.com")
    size = 8 * 1024 * 1024
    fields = agent.fields("PUT", "/upload/a", host="files.example.com")
    stream_id = agent.begin(fields)
    task = asyncio.get_running_loop().create_task(agent.upload(stream_id, b"x" * size))
    async with asyncio.timeout(10):
        while not upstream.requests or len(upstream.requests[0].body) < 65_535:
            await asyncio.sleep(0.01)
    assert await comes_to_rest(lambda: agent.uploaded) < size // 4
    asked = upstream.requests[0]
    assert not task.done()
    upstream.credit = True
    speaker = upstream.speakers[0]
    speaker.h2.increment_flow_control_window(size)
    speaker.h2.increment_flow_control_window(size, asked.stream_id)
    speaker.flush()
    await task
    assert (await agent.answer(stream_id)).status == 200
    assert len(asked.body) == size
    await agent.close()


async def test_many_small_answers_do_not_use_up_the_window(proxy: Any, upstream: Http2Origin) -> None:
    """More than four times the window of one, in answers for each of which alone no credit is worth it."""
    size, count = 15_000, 4 * http2_upstream.WINDOW // 15_000 + 20

    async def answer(speaker: Speaker, asked: Asked) -> None:
        await speaker.reply(asked.stream_id, 200, body=b"x" * size)

    upstream.handler = answer
    agent = await http2(proxy)
    for _ in range(0, count, 50):
        asked = [agent.begin(agent.fields("GET", "/items/1"), end=True) for _ in range(50)]
        async with asyncio.timeout(60):
            assert {len((await agent.answer(stream_id)).body) for stream_id in asked} == {size}
    assert upstream.connections == 1
    await agent.close()


async def test_a_connection_serves_one_agent_and_one_credential(
    start: Any, upstream: Http2Origin, plain_origin: Any
) -> None:
    """A stream of another agent, or with another credential, never goes out beside it."""

    other = """\
api: other
base: https://api.example.com
auth: {secret: SECOND_KEY}
tools:
  - tool: second
    effect: read
    run: {method: GET, url: "/second/${id}"}
"""
    credentials = OTHERS["credentials.yaml"] + (
        '  SECOND_KEY: {from: "file:other.key", hosts: [api.example.com], placeholder: "sk_test_"}\n'
    )
    files = {
        "wharfinger.yaml": SETTINGS.format(port=upstream.port, plain=plain_origin.port),
        "tools/other.yaml": other,
        "credentials.yaml": credentials,
        "policies/everyday.yaml": POLICY.replace("allow:\n", "allow:\n  - tool: second\n"),
    }
    async with start(files) as proxy:
        agent = await http2(proxy)
        assert (await agent.request("GET", "/items/1")).status == 200
        second = [("authorization", f"Bearer {proxy.placeholder('SECOND_KEY')}")]
        assert (await agent.request("GET", "/second/1", second, key=False)).status == 200
        assert (await agent.request("GET", "/items/2")).status == 200
        proxy.agent = "second"
        stranger = await http2(proxy)
        assert (await stranger.request("GET", "/items/3")).status == 200
        by_path = {seen.header(":path"): seen.connection for seen in upstream.requests}
        assert by_path == {"/items/1": 1, "/second/1": 2, "/items/2": 1, "/items/3": 3}
        await agent.close()
        await stranger.close()
