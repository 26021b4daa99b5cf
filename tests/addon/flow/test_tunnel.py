"""What may run inside a CONNECT: TLS then HTTP/1, or HTTP/1. Everything else ends there."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest
from wharfinger.flow.tunnel import Tunnel

HELLO = bytes.fromhex("16030100050100000100")


async def rest(reader: Any, writer: Any, raw: bytes, *, end: bool = False) -> bytes:
    """What comes back for `raw` until the proxy closes; `<silence>` where it waits for more."""
    writer.write(raw)
    if end:
        writer.write_eof()
    back = bytearray()
    try:
        while data := await asyncio.wait_for(reader.read(65536), 0.5):
            back += data
    except TimeoutError:
        back += b"<silence>"
    except OSError:
        pass
    writer.transport.abort()
    return bytes(back)


RAW = {
    "ssh": b"SSH-2.0-OpenSSH_9.6\r\n",
    "smtp": b"EHLO me\r\n",
    "redis": b"*1\r\n$4\r\nPING\r\n",
    "random with a line end": bytes(range(128, 256)) + b"\n",
    "http/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "sslv2 hello": b"\x80\x2e\x01\x03\x01\n",
    "dns over tcp": b"\x00\x1d\x12\x34\x01\x00\x00\x01"
    + b"\x00" * 6
    + b"\x07example\x03com\x00\x00\x01\x00\x01\n",
    "socks5": b"\x05\x01\x00\n",
}


@pytest.mark.parametrize("port", [443, 80, 53, 5353])
@pytest.mark.parametrize("name", RAW)
async def test_other_protocols_are_not_relayed(proxy: Any, origin: Any, name: str, port: int) -> None:
    back = await rest(*await proxy.tunnelled(f"api.example.com:{port}"), RAW[name])
    assert back.startswith(b"HTTP/1.1 400 ")
    assert b"<silence>" not in back
    assert origin.connections == 0


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"\x16\x03\x01", id="three bytes of a record"),
        pytest.param(b"\x16", id="one byte of a record"),
        pytest.param(b"\x16\x03\x01\xff\xff\x01\xff\xff\xff", id="a hello that never ends"),
        pytest.param(b"\x16\x03\x01\x00\x05hello", id="a record that tells of more"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x00\x01\x02", id="bytes without a line"),
    ],
)
async def test_what_is_not_whole_waits_and_opens_nothing(proxy: Any, origin: Any, raw: bytes) -> None:
    assert await rest(*await proxy.tunnelled(), raw) == b"<silence>"
    back = await rest(*await proxy.tunnelled(), raw, end=True)
    assert b"<silence>" not in back
    assert origin.connections == 0


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(HELLO, id="a hello that is none"),
        pytest.param(b"\x16\x03\x01\x00\x04\x02\x00\x00\x00", id="a server's hello"),
    ],
)
async def test_a_broken_hello_is_closed(proxy: Any, origin: Any, raw: bytes) -> None:
    back = await rest(*await proxy.tunnelled(), raw)
    assert b"<silence>" not in back
    assert b"HTTP/1.1 200" not in back
    assert origin.connections == 0


async def test_tls_in_tls_is_read_as_http_and_refused(proxy: Any, origin: Any) -> None:
    tunnel = await proxy.connect()
    context = ssl.create_default_context(cafile=str(proxy.runtime.client.ca))
    inward, outward = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(inward, outward, server_hostname="api.example.com")
    with pytest.raises(ssl.SSLWantReadError):
        session.do_handshake()
    tunnel.writer.write(outward.read() + b"\r\n\r\n")
    assert (await asyncio.wait_for(tunnel.reader.read(65536), 3)).startswith(b"HTTP/1.1 400 ")
    assert origin.connections == 0


@pytest.mark.parametrize(
    ("offers", "chosen"),
    [
        (["http/1.1"], "http/1.1"),
        (["h2", "http/1.1"], "h2"),
        (["http/1.1", "h2"], "http/1.1"),
        (["grpc-exp", "h2"], "h2"),
        (["h2"], "h2"),
        (["h2c"], None),
        (["h3"], None),
        ([], None),
    ],
)
async def test_what_is_spoken_is_what_the_agent_prefers(
    proxy: Any, offers: list[str], chosen: str | None
) -> None:
    _reader, writer = await proxy.tunnelled()
    context = ssl.create_default_context(cafile=str(proxy.runtime.client.ca))
    if offers:
        context.set_alpn_protocols(offers)
    await writer.start_tls(context, server_hostname="api.example.com")
    assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == chosen


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_modern_tls_is_spoken(proxy: Any, version: ssl.TLSVersion) -> None:
    _reader, writer = await proxy.tunnelled()
    context = ssl.create_default_context(cafile=str(proxy.runtime.client.ca))
    context.minimum_version = context.maximum_version = version
    await writer.start_tls(context, server_hostname="api.example.com")
    certificate = writer.get_extra_info("ssl_object").getpeercert()
    assert certificate["subjectAltName"] == (("DNS", "api.example.com"),)


FITS = [
    ("api.example.com", "api.example.com", True),
    ("API.EXAMPLE.COM", "api.example.com", True),
    ("api.example.com.", "api.example.com", True),
    (None, "api.example.com", False),
    ("", "api.example.com", False),
    ("evil.example", "api.example.com", False),
    ("api.example.com\x00.evil.example", "api.example.com", False),
    ("api.example.com\x00", "api.example.com", False),
    ("a" * 300, "api.example.com", False),
    ("xn--pi-xia.example.com", "api.example.com", False),
    ("\uff41pi.example.com", "api.example.com", False),
    ("203.0.113.9", "203.0.113.9", False),
    (None, "203.0.113.9", True),
    (None, "[2606:4700::1111]", True),
    ("[2606:4700::1111]", "[2606:4700::1111]", False),
    ("api.example.com", "203.0.113.9", False),
    ("127.0.0.1", "api.example.com", False),
]


@pytest.mark.parametrize(("sni", "host", "expected"), FITS)
def test_the_server_names_that_fit(sni: str | None, host: str, expected: bool) -> None:
    assert Tunnel(None)._fits(sni, (host, 443)) is expected  # type: ignore[arg-type]


@pytest.mark.parametrize("sni", [None, "api.example.com"])
def test_without_a_tunnel_no_name_fits(sni: str | None) -> None:
    assert not Tunnel(None)._fits(sni, None)  # type: ignore[arg-type]
