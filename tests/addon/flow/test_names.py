"""Names asked for in a namespace that is led here: an address for each, and no look-up for any."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import struct
from collections.abc import AsyncIterator

import pytest
from mitmproxy import dns
from mitmproxy.net.dns import response_codes, types
from wharfinger import turns
from wharfinger.flow import names
from wharfinger.flow.names import ADDRESS, Names, answer


def question(name: str = "api.example.com", kind: int = types.A, flags: int = 0x100) -> bytes:
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return struct.pack("!6H", 4711, flags, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", kind, 1)


def read(said: bytes | None) -> dns.DNSMessage:
    assert said is not None
    message = dns.DNSMessage.unpack(said)
    assert (message.query, message.id) == (False, 4711)
    return message


@pytest.mark.parametrize("name", ["api.example.com", "what.ever.example", "xn--bcher-kva.example"])
def test_every_name_has_one_address(name: str) -> None:
    message = read(answer(question(name)))
    assert [ipaddress.IPv4Address(one.data) for one in message.answers] == [ADDRESS]
    assert not ADDRESS.is_global


@pytest.mark.parametrize("kind", [types.AAAA, types.HTTPS, types.MX, types.TXT, types.SRV, types.PTR])
def test_it_has_nothing_else(kind: int) -> None:
    """No IPv6, which leads nowhere here, and no keys that would hide the server name (ECH)."""
    message = read(answer(question(kind=kind)))
    assert (message.response_code, message.answers) == (response_codes.NOERROR, [])


@pytest.mark.parametrize("name", ["with space.example", "a/b", "-x.example", "300.1.2.3"])
def test_what_is_no_host_is_no_name(name: str) -> None:
    assert read(answer(question(name))).response_code == response_codes.NXDOMAIN


LOOP = struct.pack("!6H", 1, 0x100, 1, 0, 0, 0) + b"\xc0\x0c" + struct.pack("!2H", 1, 1)
CHAIN = struct.pack("!6H", 1, 0x100, 1, 0, 0, 0) + b"".join(
    struct.pack("!H", 0xC000 | 12 + 2 * (place + 1)) for place in range(240)
)


@pytest.mark.parametrize(
    "asked",
    [
        b"",
        b"\0" * 11,
        question()[:-1],
        question() + b"\0",
        question(flags=0x8100),
        question(flags=0x2800),
        struct.pack("!6H", 1, 0x100, 0, 0, 0, 0),
        struct.pack("!6H", 1, 0x100, 65535, 65535, 65535, 65535),
        LOOP,
        CHAIN,
        b"\xff" * 512,
    ],
    ids=[
        "nothing",
        "less",
        "cut",
        "more",
        "an answer",
        "an update",
        "none",
        "many",
        "loop",
        "chain",
        "noise",
    ],
)
def test_what_is_no_question_has_no_answer(asked: bytes) -> None:
    assert answer(asked) is None


@pytest.fixture
async def asked() -> AsyncIterator[tuple[socket.socket, Names]]:
    """A socket to ask at, and what answers there."""
    there = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    there.setsockopt(socket.IPPROTO_IP, 8, 1)
    there.bind(("0.0.0.0", 0))
    there.setblocking(False)
    here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    here.connect(("127.0.0.9", there.getsockname()[1]))
    here.setblocking(False)
    opened = Names(there, "bot")
    yield here, opened
    opened.close()
    here.close()


async def test_it_answers_from_the_address_that_was_asked(asked: tuple[socket.socket, Names]) -> None:
    """Else the asker, which is connected to that one, would not see the answer."""
    here, _ = asked
    loop = asyncio.get_running_loop()
    for datagram in (b"noise", question()):
        here.send(datagram)
    said = await asyncio.wait_for(loop.sock_recv(here, 512), 10)
    assert len(read(said).answers) == 1


async def test_it_answers_in_the_agents_turns(
    asked: tuple[socket.socket, Names], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, _ = asked
    whose, answer = list[str](), names.answer

    def answering(message: bytes) -> bytes | None:
        whose.append(turns._whose.get().agent)
        return answer(message)

    monkeypatch.setattr(names, "answer", answering)
    here.send(question())
    await asyncio.wait_for(asyncio.get_running_loop().sock_recv(here, 512), 10)
    assert whose == ["bot"]


async def test_once_closed_it_says_nothing(asked: tuple[socket.socket, Names]) -> None:
    here, opened = asked
    opened.close()
    here.send(question())
    with pytest.raises(ConnectionRefusedError):
        await asyncio.wait_for(asyncio.get_running_loop().sock_recv(here, 512), 10)
