"""Invariant 1: closed until opened. Each hook raises, halts or vanishes; the origin counts its bytes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from mitmproxy import exceptions

HOOKS = ("http_connect", "requestheaders", "request", "next_layer", "tls_clienthello", "tls_start_client",
         "tls_start_server")  # fmt: skip


class Broken:
    """A concern one of whose hooks is broken in a chosen way; the others are as they were."""

    def __init__(self, inner: object, hook: str, failure: str) -> None:
        self._inner, self._hook, self._failure = inner, hook, failure

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._inner, name)
        if name != self._hook or not callable(real):
            return real
        if self._failure == "vanish":
            return None
        failures: dict[str, BaseException] = {
            "raise": RuntimeError("broken by a test"),
            "halt": exceptions.AddonHalt(),
            "memory": MemoryError(),
            "recursion": RecursionError(),
        }

        def fail(*_arguments: Any) -> None:
            raise failures[self._failure]

        return fail


def broken(hook: str, failure: str) -> Any:
    return lambda _runtime, concerns: [Broken(concern, hook, failure) for concern in concerns]


async def attempt(proxy: Any) -> str:
    """Try to get a request through; what came of it."""
    try:
        async with asyncio.timeout(3):
            tunnel = await proxy.connect()
            answered = await tunnel.request("GET", "/items/1")
            await tunnel.close()
            return str(answered.status)
    except (OSError, ConnectionError, TimeoutError, asyncio.IncompleteReadError) as error:
        return type(error).__name__


async def test_positive_control(start: Any, origin: Any) -> None:
    async with start() as proxy:
        assert await attempt(proxy) == "200"
    assert len(origin.requests) == 1


@pytest.mark.parametrize("failure", ["raise", "halt", "vanish", "memory", "recursion"])
@pytest.mark.parametrize("hook", HOOKS)
async def test_a_broken_hook_leaves_the_request_refused(
    start: Any, origin: Any, plain_origin: Any, hook: str, failure: str
) -> None:
    async with start(hooks=broken(hook, failure)) as proxy:
        outcome = await attempt(proxy)
        absolute = await proxy.plain(
            b"GET http://plain.example.com/x HTTP/1.1\r\nHost: plain.example.com\r\n"
            b"Proxy-Authorization: " + proxy.proxy_auth().encode() + b"\r\n\r\n"
        )
        sent = [seen.target for seen in origin.requests]
        if hook == "requestheaders":
            # Its work on a tunnelled request without a body is nothing: identity came with the CONNECT.
            assert outcome == "200"
            assert not absolute.startswith(b"HTTP/1.1 200")
            assert plain_origin.bytes_received == 0
        else:
            assert outcome != "200"
            assert sent == []
        intents = [event for event in await proxy.settled() if event["kind"] == "intent"]
        assert len(origin.requests) + len(plain_origin.requests) <= len(intents)


@pytest.mark.parametrize("failure", ["raise", "halt", "vanish"])
async def test_on_a_reused_connection_a_broken_gate_leaves_the_request_refused(
    start: Any, origin: Any, failure: str
) -> None:
    switch = {"broken": False}

    class Switched(Broken):
        def __getattr__(self, name: str) -> Any:
            real = getattr(self._inner, name)
            if name != "request" or not callable(real):
                return real

            def choose(*arguments: Any) -> Any:
                if not switch["broken"]:
                    return real(*arguments)
                if failure == "vanish":
                    return None
                raise RuntimeError if failure == "raise" else exceptions.AddonHalt

            return choose

    hooks = lambda _runtime, concerns: [Switched(concern, "request", failure) for concern in concerns]  # noqa: E731
    async with start(hooks=hooks) as proxy:
        tunnel = await proxy.connect()
        assert (await tunnel.request("GET", "/items/1")).status == 200
        before = origin.bytes_received
        switch["broken"] = True
        answered = await tunnel.request("GET", "/items/2")
        assert (answered.status, answered.code) == (403, "denied")
        assert "not opened by the gate" in answered.json["message"]
        assert origin.bytes_received == before
        assert [seen.target for seen in origin.requests] == ["/items/1"]


async def test_invariant_6_not_written_not_sent(proxy: Any, origin: Any, monkeypatch: Any) -> None:
    from wharfinger.audit.errors import BookUnavailable

    async def fail(_event: Any) -> Any:
        raise BookUnavailable("the disk is full")

    monkeypatch.setattr(type(proxy.runtime.desk.book), "write", lambda _self, event: fail(event))
    answered = await proxy.request("GET", "/items/1")
    assert (answered.status, answered.code) == (502, "unavailable")
    assert "audit log" in answered.json["message"]
    assert origin.connections == 0


async def test_an_exception_in_the_gate_is_a_deny(proxy: Any, origin: Any, monkeypatch: Any) -> None:
    def fail(*_arguments: Any, **_more: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(type(proxy.runtime.live), "decide", fail)
    answered = await proxy.request("GET", "/items/1")
    assert (answered.status, answered.code) == (403, "denied")
    assert "nternal error" in answered.json["message"]
    assert origin.connections == 0


async def test_a_permit_is_used_once_and_for_its_request_only(proxy: Any, origin: Any) -> None:
    from dataclasses import replace

    from wharfinger.deciding.permits import Withdrawn

    gate, session = proxy.runtime.gate, proxy.runtime.live.callers.identify("bot", proxy.token())
    decided = []
    real = type(gate).redeem

    def spy(self: Any, permit: Any, request: Any) -> None:
        real(self, permit, request)
        decided.append((permit, request))

    type(gate).redeem = spy
    try:
        assert (await proxy.request("GET", "/items/1")).status == 200
    finally:
        type(gate).redeem = real
    ((permit, request),) = decided
    with pytest.raises(Withdrawn, match="has been used"):
        gate.redeem(permit, request)

    class Here:
        gone = asyncio.Event()

    admission = await gate.admit(request, session, Here())
    with pytest.raises(Withdrawn, match="not the one that was decided"):
        gate.redeem(admission.permit, replace(request, target="/items/2"))


@pytest.mark.parametrize("failure", ["raise", "halt", "vanish"])
async def test_a_tunnel_that_no_hook_has_accepted_is_closed(start: Any, failure: str) -> None:
    """Rather than left to wait, with whatever is sent into it being kept."""
    async with start(hooks=broken("http_connect", failure)) as proxy:
        before = asyncio.get_running_loop().time()
        assert await attempt(proxy) != "TimeoutError"
        assert asyncio.get_running_loop().time() - before < 2
