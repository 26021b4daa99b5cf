"""Redirects that a tool lists: followed once, by GET, by the same agent, with nothing put in."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.addon.flow.conftest import OTHERS, POLICY, SECRET, TOOLS

TOOL = """\
  - tool: get_archive
    description: Fetch an archive
    effect: read
    run: {method: GET, url: "/archive/${id}", redirects: [other.example.com]}
"""
TO = "https://other.example.com/tar/1?sig=a%2Fb"
FILES = {
    "tools/example.yaml": TOOLS + TOOL,
    "policies/everyday.yaml": POLICY.replace(
        "  - tool: get_item\n", "  - tool: get_item\n  - tool: get_archive\n"
    ),
    "credentials.yaml": OTHERS["credentials.yaml"].replace(
        '  OTHER_KEY: {from: "file:other.key", hosts: [other.example.com]}\n', ""
    ),
}


@pytest.fixture
async def led(start: Any, origin: Any, reply: Any) -> Any:
    """A proxy whose agent has just been led to `TO`."""
    origin.answer = lambda seen: (
        reply(302, b"", [("Location", TO)]) if "/archive/" in seen.target else reply(200, b"archive")
    )
    async with start(FILES) as proxy:
        answered = await proxy.request("GET", "/archive/7")
        assert (answered.status, answered.headers["location"]) == (302, TO)
        yield proxy


async def follow(proxy: Any, target: str = "/tar/1?sig=a%2Fb", method: str = "GET", **more: Any) -> Any:
    return await proxy.request(method, target, host="other.example.com", key=False, **more)


async def test_it_is_followed_once_with_nothing_put_in(led: Any, origin: Any) -> None:
    answered = await follow(led)
    assert (answered.status, answered.body) == (200, b"archive")
    assert SECRET not in str(origin.requests[-1].headers)
    intent = next(e for e in await led.events(answered.decision) if e["kind"] == "intent")
    assert [call["tool"] for call in intent["calls"]] == ["get_archive"]
    again = await follow(led)
    assert (again.status, again.code) == (403, "denied")
    assert len(origin.requests) == 2


async def test_what_is_followed_has_the_time_of_the_call_that_led_there(
    start: Any, origin: Any, reply: Any
) -> None:
    timed = FILES["tools/example.yaml"].replace("redirects:", "timeout: 300ms, redirects:")

    async def answer(seen: Any) -> Any:
        if "/archive/" not in seen.target:
            await asyncio.sleep(30)
        return reply(302, b"", [("Location", TO)])

    origin.answer = answer
    async with start({**FILES, "tools/example.yaml": timed}) as proxy:
        assert (await proxy.request("GET", "/archive/7")).status == 302
        answered = await follow(proxy)
        assert (answered.status, answered.code) == (504, "upstream")


@pytest.mark.parametrize(
    ("target", "method"),
    [
        ("/tar/2?sig=a%2Fb", "GET"),
        ("/tar/1", "GET"),
        ("/tar/1?sig=a%2Fb&x=1", "GET"),
        ("/tar/1?sig=a%2Fb", "HEAD"),
        ("/tar/1?sig=a%2Fb", "POST"),
    ],
)
async def test_nothing_but_that_very_request_is_let_out(
    led: Any, origin: Any, target: str, method: str
) -> None:
    tunnel = await led.connect("other.example.com")
    answered = await tunnel.request("GET", "/elsewhere", host="other.example.com", key=False)
    assert answered.status == 403
    raw = led.raw(method, target, host="other.example.com", key=False)
    tunnel = await led.connect("other.example.com")
    tunnel.writer.write(raw)
    assert b" 403 " in await tunnel.reader.readuntil(b"\r\n")
    assert len(origin.requests) == 1
    assert (await follow(led)).status == 200


async def test_it_is_not_for_another_agent(led: Any, origin: Any) -> None:
    tunnel = await led.connect("other.example.com", agent="second")
    answered = await tunnel.request("GET", "/tar/1?sig=a%2Fb", host="other.example.com", key=False)
    assert answered.status == 403
    assert len(origin.requests) == 1


async def test_it_ends_after_a_minute(led: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (held,) = led.runtime.live.redirects.of(led.runtime.live.agents["bot"].id)
    clock = led.runtime.live._clock
    later = clock.now() + timedelta(seconds=61)
    assert held.until < later
    monkeypatch.setattr(led.runtime.live, "_clock", type("Later", (), {"now": lambda _: later})())
    assert (await follow(led)).status == 403


@pytest.mark.parametrize(
    "deny",
    [
        '  - tool: get_archive\n    when: {id: "7"}\n',
        "  - tool: unmatched\n    when: {host: other.example.com}\n",
        '  - tool: "*"\n    when: request.host == "other.example.com"\n',
    ],
)
async def test_rules_that_deny_see_it(start: Any, origin: Any, reply: Any, led: Any, deny: str) -> None:
    from wharfinger.authoring import snapshot
    from wharfinger.running.reloading import Reloader

    path = led.folder / "policies" / "everyday.yaml"
    path.write_text(path.read_text() + deny)
    await Reloader(led.runtime).reload(snapshot.read(led.folder), "alice")
    answered = await follow(led)
    assert (answered.status, answered.code) == (403, "denied")
    assert len(origin.requests) == 1


@pytest.mark.parametrize(
    "location",
    [
        "http://other.example.com/tar/1",
        "https://evil.example.com/tar/1",
        "https://other.example.com:8443/tar/1",
        "https://a@other.example.com/tar/1",
        "//other.example.com/tar/1",
        "https://other.example.com/a/../tar/1",
    ],
)
async def test_a_redirect_elsewhere_gives_no_leave(
    start: Any, origin: Any, reply: Any, location: str
) -> None:
    origin.answer = lambda _: reply(302, b"", [("Location", location)])
    async with start(FILES) as proxy:
        await proxy.request("GET", "/archive/7")
        assert proxy.runtime.live.redirects.of(proxy.runtime.live.agents["bot"].id) == ()


async def test_a_tool_that_lists_none_gives_no_leave(start: Any, origin: Any, reply: Any) -> None:
    origin.answer = lambda _: reply(302, b"", [("Location", TO)])
    async with start(FILES) as proxy:
        assert (await proxy.request("GET", "/items/7")).status == 302
        assert proxy.runtime.live.redirects.of(proxy.runtime.live.agents["bot"].id) == ()
