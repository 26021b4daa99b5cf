"""Resolve once, check every answer, dial what was checked: tables of addresses, pins and answers."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wharfinger.flow import dial
from wharfinger.flow.dial import Dialer, DialRefused
from wharfinger.rules.models.settings import Settings

NEVER = [
    "0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.0.1", "224.0.0.1", "239.255.255.250", "240.0.0.1",
    "255.255.255.255", "168.63.129.16", "100.100.100.200", "192.0.0.192", "::", "fe80::1", "fec0::1",
    "ff02::1", "fd00:ec2::254", "::ffff:169.254.169.254", "2002:a9fe:a9fe::1", "64:ff9b::a9fe:a9fe",
    "::ffff:0.0.0.0",
]  # fmt: skip
PRIVATE = [
    "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254",
    "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1",
    "198.19.255.255", "198.51.100.1", "203.0.113.1", "::1", "fc00::1", "fd12::1", "100::1", "2001:db8::1",
    "3fff::1", "5f00::1", "64:ff9b:1::1", "2001:2::1",
]  # fmt: skip
EMBEDDING = [
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "::10.0.0.1", "2002:7f00:1::1", "2002:a00:1::1",
    "64:ff9b::7f00:1", "64:ff9b::a00:1", "2001:0:4136:e378:8000:63bf:f5ff:fffe", "2400::5efe:10.0.0.1",
    "2400::200:5efe:127.0.0.1",
]  # fmt: skip
PUBLIC = ["1.1.1.1", "8.8.8.8", "11.0.0.1", "100.63.255.255", "100.128.0.1", "172.15.255.255", "172.32.0.1",
          "192.167.255.255", "198.17.255.255", "198.20.0.1", "223.255.255.255", "2606:4700::1111",
          "2a00:1450:4001::1"]  # fmt: skip


def dialer(own: Iterable[tuple[str, int]] = (), **settings_: Any) -> Dialer:
    made = Settings.model_validate({"version": 1, **settings_})
    return Dialer(lambda: made, lambda: list(own))


def answers(monkeypatch: Any, *found: str) -> list[tuple[str, int]]:
    """Have every name resolve to `found`; returns the list of what was asked."""
    asked: list[tuple[str, int]] = []

    async def getaddrinfo(_self: Any, host: str, port: int, **_more: Any) -> Any:
        asked.append((host, port))
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port))
            for one in found
        ]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_dialled(address: str) -> None:
    assert dialer().allowed("api.example.com", ipaddress.ip_address(address))


@pytest.mark.parametrize("address", [*NEVER, *PRIVATE, *EMBEDDING])
def test_others_may_not(address: str) -> None:
    assert not dialer().allowed("api.example.com", ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_may_be_dialled_for_the_name_it_is_granted_to_only(address: str) -> None:
    network = str(ipaddress.ip_network(address))
    granted = dialer(network={"private": {"in.corp.example": network, "*.lab.example": network}})
    found = ipaddress.ip_address(address)
    assert granted.allowed("in.corp.example", found)
    assert granted.allowed("x.lab.example", found)
    for name in (
        "out.corp.example",
        "xin.corp.example",
        "in.corp.example.com",
        "lab.example",
        "a.b.lab.example",
    ):
        assert not granted.allowed(name, found), name


@pytest.mark.parametrize("address", [*NEVER, *EMBEDDING])
def test_no_grant_opens_metadata_link_local_or_an_embedded_address(address: str) -> None:
    everything = dialer(network={"private": {"in.corp.example": ["0.0.0.0/0", "::/0"]}})
    assert not everything.allowed("in.corp.example", ipaddress.ip_address(address))


@settings(max_examples=150)
@given(st.ip_addresses(v=4))
def test_every_ipv6_form_of_a_refused_ipv4_address_is_refused(v4: ipaddress.IPv4Address) -> None:
    judge = dialer()
    forms = [
        ipaddress.IPv6Address(b"\x00" * 10 + b"\xff\xff" + v4.packed),
        ipaddress.IPv6Address(b"\x20\x02" + v4.packed + b"\x00" * 10),
        ipaddress.IPv6Address(b"\x00\x64\xff\x9b" + b"\x00" * 8 + v4.packed),
    ]
    if not judge.allowed("a.example", v4):
        assert not any(judge.allowed("a.example", form) for form in forms)


@pytest.mark.parametrize(
    "found",
    [
        ("1.1.1.1", "127.0.0.1"),
        ("127.0.0.1", "1.1.1.1"),
        ("1.1.1.1", "::1"),
        ("2606:4700::1111", "::ffff:10.0.0.1"),
        ("1.1.1.1", "fe80::1%eth0"),
        ("169.254.169.254",),
    ],
)
async def test_one_bad_answer_among_good_ones_refuses_the_name(
    monkeypatch: Any, found: tuple[str, ...]
) -> None:
    asked = answers(monkeypatch, *found)
    with pytest.raises(DialRefused, match="may not be dialled"):
        await dialer().resolve("api.example.com", 443)
    assert asked == [("api.example.com", 443)]


async def test_good_answers_are_given_as_addresses_each_once(monkeypatch: Any) -> None:
    asked = answers(monkeypatch, "1.1.1.1", "2606:4700::1111", "1.1.1.1")
    got = await dialer().resolve("api.example.com", 443)
    assert [(str(address), port) for address, port in got] == [("1.1.1.1", 443), ("2606:4700::1111", 443)]
    assert len(asked) == 1


async def test_what_was_checked_is_dialled_whatever_the_name_says_later(monkeypatch: Any) -> None:
    """Rebinding: the second answer would be loopback, and nobody asks for it."""
    asked = answers(monkeypatch, "1.1.1.1")
    dialled: list[tuple[str, int]] = []

    async def open_connection(host: str, port: int) -> Any:
        dialled.append((host, port))
        raise OSError(111, "refused")

    monkeypatch.setattr(dial.asyncio, "open_connection", open_connection)
    with pytest.raises(OSError, match=r"api\.example\.com cannot be reached"):
        await dialer().dial("api.example.com", 443)
    assert (asked, dialled) == ([("api.example.com", 443)], [("1.1.1.1", 443)])


async def test_a_pin_asks_nobody_and_may_change_the_port(monkeypatch: Any) -> None:
    asked = answers(monkeypatch, "1.1.1.1")
    pinned = dialer(resolve={"api.example.com:443": "127.0.0.1:9443", "db.corp.example": "10.0.0.5"})
    for name, port, expected in [
        ("api.example.com", 443, ("127.0.0.1", 9443)),
        ("db.corp.example", 443, ("10.0.0.5", 443)),
        ("db.corp.example", 8443, ("10.0.0.5", 8443)),
    ]:
        ((address, dialled),) = await pinned.resolve(name, port)
        assert (str(address), dialled) == expected
    assert asked == []
    await pinned.resolve("api.example.com", 8443)  # another port is not pinned
    assert asked == [("api.example.com", 8443)]


@pytest.mark.parametrize("address", ["169.254.169.254", "0.0.0.0", "::", "fe80::1", "100.100.100.200"])
async def test_a_pin_to_what_is_never_dialled_is_refused(address: str) -> None:
    pinned = dialer(resolve={"api.example.com": f"[{address}]" if ":" in address else address})
    with pytest.raises(DialRefused, match="never dialled"):
        await pinned.resolve("api.example.com", 443)


OWN = ("127.0.0.1", 8080)
SPELLINGS = ["127.0.0.1", "127.0.0.2", "127.255.255.254", "::1", "::ffff:127.0.0.1"]


@pytest.mark.parametrize("address", SPELLINGS)
async def test_our_own_listener_is_refused_in_every_spelling(monkeypatch: Any, address: str) -> None:
    written = f"[{address}]" if ":" in address else address
    pinned = dialer([OWN], resolve={"api.example.com": written})
    with pytest.raises(DialRefused):
        await pinned.resolve("api.example.com", 8080)
    if "ffff" not in address:
        assert await pinned.resolve("api.example.com", 8081)  # positive control: another port
    answers(monkeypatch, address)
    granted = dialer([OWN], network={"private": {"a.example": ["127.0.0.0/8", "::1/128"]}})
    with pytest.raises(DialRefused):
        await granted.resolve("a.example", 8080)


@pytest.mark.parametrize("address", ["127.0.0.1", "192.168.1.5", "8.8.8.8", "::1"])
async def test_a_listener_on_every_address_is_refused_at_every_address(address: str) -> None:
    for own in (("0.0.0.0", 8080), ("::", 8080)):
        pinned = dialer([own], resolve={"a.example": f"[{address}]" if ":" in address else address})
        with pytest.raises(DialRefused):
            await pinned.resolve("a.example", 8080)


async def test_a_pin_that_changes_the_port_to_our_own_is_refused() -> None:
    with pytest.raises(DialRefused):
        await dialer([OWN], resolve={"a.example:443": "127.0.0.1:8080"}).resolve("a.example", 443)


@pytest.mark.parametrize("literal", ["8.8.8.8", "[2606:4700::1111]"])
async def test_an_address_in_a_url_is_checked_without_asking(monkeypatch: Any, literal: str) -> None:
    asked = answers(monkeypatch, "127.0.0.1")
    ((address, _),) = await dialer().resolve(literal, 443)
    assert str(address) == literal.strip("[]")
    assert asked == []


@pytest.mark.parametrize("literal", ["127.0.0.1", "10.1.1.1", "[::1]", "169.254.169.254"])
async def test_a_private_address_in_a_url_is_refused(literal: str) -> None:
    with pytest.raises(DialRefused):
        await dialer().resolve(literal, 443)


async def test_a_resolver_that_fails_or_hangs_is_a_refusal_in_our_words(monkeypatch: Any) -> None:
    async def failing(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", failing)
    with pytest.raises(DialRefused, match=r"^api\.example\.com could not be resolved$"):
        await dialer().resolve("api.example.com", 443)

    async def hanging(*_: Any, **__: Any) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", hanging)
    monkeypatch.setattr(dial, "RESOLVE_TIMEOUT", 0.02)
    with pytest.raises(DialRefused, match="in time"):
        await dialer().resolve("api.example.com", 443)


async def test_a_name_without_an_address_is_refused(monkeypatch: Any) -> None:
    answers(monkeypatch)
    with pytest.raises(DialRefused, match="no address"):
        await dialer().dial("api.example.com", 443)


async def test_the_next_address_is_tried_and_a_hanging_one_given_up(monkeypatch: Any) -> None:
    answers(monkeypatch, "1.1.1.1", "8.8.8.8")
    tried: list[str] = []

    async def open_connection(host: str, _port: int) -> Any:
        tried.append(host)
        if host == "1.1.1.1":
            await asyncio.Event().wait()
        return "reader", "writer"

    monkeypatch.setattr(dial.asyncio, "open_connection", open_connection)
    monkeypatch.setattr(dial, "CONNECT_TIMEOUT", 0.02)
    assert await dialer().dial("api.example.com", 443) == ("reader", "writer")
    assert tried == ["1.1.1.1", "8.8.8.8"]


async def test_positive_control_a_pinned_loopback_server_is_reached() -> None:
    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"here")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        reader, writer = await dialer(resolve={"a.example:443": f"127.0.0.1:{port}"}).dial("a.example", 443)
        assert await reader.read() == b"here"
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    finally:
        server.close()
        await server.wait_closed()
