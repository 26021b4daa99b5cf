"""TLS handshakes with agents that come to nothing: counted, told of once a second, and no line for each."""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import Any

import pytest

from tests.addon.flow.test_metrics import read, rows


async def distrusting(proxy: Any, name: str = "api.example.com") -> None:
    """A client that knows no authority and says so, or shows another name."""
    reader, writer = await proxy.tunnelled()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=name)
    while True:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            writer.write(outgoing.read())
        except ssl.SSLCertVerificationError:
            writer.write(outgoing.read())  # the alert
            break
        if not (data := await asyncio.wait_for(reader.read(65536), 10)):
            break
        incoming.write(data)
    while await asyncio.wait_for(reader.read(65536), 10):
        pass
    writer.transport.abort()


async def leaving(proxy: Any) -> None:
    """A client that knows no authority, and goes without a word."""
    _, writer = await proxy.tunnelled()
    with pytest.raises(ssl.SSLError):
        await writer.start_tls(ssl.create_default_context(), server_hostname="api.example.com")


async def garbled(proxy: Any) -> None:
    """What begins like a handshake and is none."""
    reader, writer = await proxy.tunnelled()
    writer.write(b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00")
    assert not await asyncio.wait_for(reader.read(65536), 10)
    writer.transport.abort()


async def test_each_is_counted_and_those_alike_are_one_event(proxy: Any, origin: Any, caplog: Any) -> None:
    caplog.set_level(logging.INFO)
    for _ in range(3):
        await distrusting(proxy)
    for _ in range(2):
        await distrusting(proxy, "other.example.com")
    await leaving(proxy)
    await garbled(proxy)
    _, found = await read(proxy)
    assert rows(found, "wharfinger_tls_failures_total") == {
        "bot trust": 3,
        "bot name": 2,
        "bot left": 1,
        "bot hello": 1,
    }
    events = [event for event in await proxy.settled() if event.get("code") == "bad_request"]
    counts: dict[str, int] = {}
    for event in events:
        counts[event["reason"]] = counts.get(event["reason"], 0) + event.get("count", 1)
    assert counts == {
        "the agent does not trust the certificate of this proxy": 3,
        "the TLS server name is not the host of the CONNECT": 2,
        "the agent broke off the TLS handshake: it may not trust the certificate of this proxy": 1,
        "what came for a TLS handshake is none": 1,
    }
    assert {event["agent"] for event in events} == {"bot"}
    assert not [record for record in caplog.records if "TLS" in record.getMessage()]
    assert origin.connections == 0


async def test_a_handshake_that_succeeds_is_not_counted(proxy: Any) -> None:
    assert (await proxy.request("GET", "/items/1")).status == 200
    _, found = await read(proxy)
    assert rows(found, "wharfinger_tls_failures_total") == {}
