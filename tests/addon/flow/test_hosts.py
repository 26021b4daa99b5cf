"""Which host: CONNECT, SNI, Host and URL say the same in one spelling, or nothing is looked up or opened."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import Any

import pytest

A = "api.example.com"


@pytest.fixture
def lookups(monkeypatch: Any) -> list[str]:
    """Every name that anybody asks to be resolved."""
    asked: list[str] = []
    real = asyncio.BaseEventLoop.getaddrinfo

    async def getaddrinfo(self: Any, host: Any, port: Any, **more: Any) -> Any:
        asked.append(str(host))
        return await real(self, host, port, **more)

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    return asked


def connect(proxy: Any, authority: bytes) -> bytes:
    auth = b"Proxy-Authorization: " + proxy.proxy_auth().encode()
    return b"CONNECT " + authority + b" HTTP/1.1\r\nHost: " + authority + b"\r\n" + auth + b"\r\n\r\n"


def absolute(proxy: Any, url: bytes, host: bytes, *fields: bytes) -> bytes:
    auth = b"Proxy-Authorization: " + proxy.proxy_auth().encode()
    lines = [b"GET " + url + b" HTTP/1.1", b"Host: " + host, auth, *fields]
    return b"\r\n".join(lines) + b"\r\n\r\n"


H10 = ["{}:0", "{}:00443", "{}:443443", "{}:-1", "{}:0x1bb", "{}:+443", "{}:4_43", "{}", "{}:", "{}::443",
       "{}:443:443", ":443", "{}:65536", "{}:443/", "{}:https", "{}:443?", "{}:443#",
       "{}:\u0664\u0664\u0663"]  # fmt: skip
H11 = ["api..example.com:443", ".api.example.com:443", "api.example.com..:443", ".:443", "..:443"]
H12 = ["[api.example.com]:443", "[[::1]]:443", "[::1:443", "::1:443", "[::1]443", "[fe80::1%25eth0]:443",
       "[fe80::1%eth0]:443", "[v1.x]:443", "[]:443", "[::ffff:169.254.169.254]:443",
       "[127.0.0.1]:443"]  # fmt: skip
H13 = ["evil.example\x00.api.example.com:443", "api.example.com\x00:443", "api.example.com\x01:443",
       "api.example\x7f.com:443", "api.example.com\t:443", "api.example.com\x0b:443"]  # fmt: skip
H15 = ["user@api.example.com:443", "user:pw@api.example.com:443", "api.example.com:443@evil.example:443",
       "api.example.com\\@evil.example:443", "api.example.com%40evil.example:443", "//api.example.com:443",
       "api.example.com#@evil.example:443", "api.example.com?@evil.example:443",
       "api.example.com;@evil.example:443", "api.example.com&@evil.example:443"]  # fmt: skip
H16 = ["%61pi.example.com:443", "\uff21pi.example.com:443", "\u24d0pi.example.com:443",
       "api\u3002example.com:443",
       "a\u00adpi.example.com:443", "a\u200dpi.example.com:443", "stra\u00dfe.example:443",
       "xn--api-.example.com:443", "xn--a.example.com:443", "-api.example.com:443", "api-.example.com:443",
       "a" * 64 + ".example.com:443", ".".join(["a" * 60] * 5) + ".example:443",
       "api example.com:443"]  # fmt: skip
H17 = ["2130706433:443", "0x7f000001:443", "0177.0.0.1:443", "0o177.0.0.1:443", "127.1:443", "127.0.1:443",
       "0:443", "0x7f.0.0.1:443", "4294967297:443", "127.0.0.0x1:443", "127.0.0.256:443", "127.0.0.01:443",
       "1.1.1.1.1:443", "0x7f:443", "2852039166:443"]  # fmt: skip
H18 = ["[::ffff:127.0.0.1]:443", "[::ffff:7f00:1]:443", "[::127.0.0.1]:443", "[::7f00:1]:443",
       "[64:ff9b::7f00:1]:443", "[64:ff9b:1::1]:443", "[2002:7f00:1::]:443", "[2001::1]:443",
       "[2001:db8::5efe:7f00:1]:443", "[::FFFF:7F00:0001]:443", "[0:0:0:0:0:ffff:7f00:1]:443"]  # fmt: skip


@pytest.mark.parametrize("table", ["H10", "H11", "H12", "H13", "H15", "H16", "H17", "H18"])
async def test_an_authority_in_another_spelling_is_refused(attacker: Any, lookups: Any, table: str) -> None:
    spellings = [one.format(A) if table == "H10" else one for one in globals()[table]]
    vectors = {}
    for spelled in spellings:
        raw = spelled.encode()
        vectors[f"CONNECT {spelled!r}"] = connect(attacker.proxy, raw)
        if table != "H10" or spelled not in {A, f"{A}:", f"{A}:443/", f"{A}:443?", f"{A}:443#"}:
            vectors[f"http {spelled!r}"] = absolute(attacker.proxy, b"http://" + raw + b"/x", raw)
    vectors = {name: raw for name, raw in vectors.items() if b" :443" not in raw}
    await attacker.all_refused(vectors, inside=False)
    assert set(lookups) <= {"127.0.0.1"}  # the pinned origin, asked of by the positive control


async def test_a_host_field_in_another_spelling_is_refused(attacker: Any) -> None:
    """H06, and every spelling above where the authority itself was plain."""
    proxy = attacker.proxy
    key = b"Authorization: Bearer " + proxy.placeholder().encode()
    others = [
        one.removesuffix(":443")
        for table in (H11, H12, H13, H15, H16, H17, H18)
        for one in table
        if "\t" not in one
    ]
    hosts = [b"", b" ", b"evil.example", b"api.example.com, evil.example", b"api.example.com:80",
             b"api.example.com:444", b"api.example.com@evil.example", b"evilapi.example.com",
             b"api.example.com.evil.example", b"other.example.com", b"https://api.example.com",
             *(one.encode() for one in others)]  # fmt: skip
    head = b"GET /items/1 HTTP/1.1\r\n"
    vectors = {repr(host): head + b"Host: " + host + b"\r\n" + key + b"\r\n\r\n" for host in hosts}
    vectors["none"] = head + key + b"\r\n\r\n"
    vectors["two"] = head + b"Host: api.example.com\r\nHost: evil.example\r\n" + key + b"\r\n\r\n"
    vectors["two, the same"] = (
        head + b"Host: api.example.com\r\nhost: api.example.com\r\n" + key + b"\r\n\r\n"
    )
    vectors["none in HTTP/1.0"] = head.replace(b"1.1\r", b"1.0\r") + key + b"\r\n\r\n"
    await attacker.all_refused(vectors)


async def test_h05_absolute_form_and_host_agree(attacker: Any, plain_origin: Any) -> None:
    proxy = attacker.proxy
    url, plain = b"http://plain.example.com/x", b"plain.example.com"
    vectors = {
        "other host": absolute(proxy, url, b"evil.example"),
        "other url": absolute(proxy, b"http://evil.example/x", plain),
        "other port": absolute(proxy, url, b"plain.example.com:8080"),
        "port in the url": absolute(proxy, b"http://plain.example.com:8080/x", plain),
        "two hosts": absolute(proxy, url, plain, b"Host: evil.example"),
        "no host": absolute(proxy, url, plain).replace(b"Host: plain.example.com\r\n", b""),
        "credentials in the url": absolute(proxy, b"http://u:p@plain.example.com/x", plain),
        "backslash": absolute(proxy, b"http://plain.example.com\\@evil.example/x", plain),
        "query as authority": absolute(proxy, b"http://plain.example.com?@evil.example/x", plain),
        "fragment as authority": absolute(proxy, b"http://plain.example.com#@evil.example/x", plain),
        "fragment": absolute(proxy, url + b"#f", plain),
    }
    await attacker.all_refused(vectors, inside=False)
    for url, host in [
        (b"http://PLAIN.example.com./x", b"plain.example.com"),
        (b"http://plain.example.com:80/x", b"Plain.Example.COM:80"),
    ]:
        back = await attacker.outside(absolute(proxy, url, host, b"Connection: close"))
        assert back.startswith(b"HTTP/1.1 200 "), back
    assert [(seen.target, seen.header("host")) for seen in plain_origin.requests] == [
        ("/x", "plain.example.com")
    ] * 2


async def tls(proxy: Any, authority: str, name: str | None) -> str:
    """CONNECT to `authority`, then TLS with `name` as SNI; what came of the handshake."""
    reader, writer = await proxy.open()
    writer.write(connect(proxy, authority.encode()))
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    context = ssl.create_default_context(cafile=str(proxy.runtime.client.ca))
    context.check_hostname = False
    if name is None or name == "":
        context.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(3):
            await writer.start_tls(context, server_hostname=name)
    except (OSError, ConnectionError, ssl.SSLError):
        return "closed"
    finally:
        writer.transport.abort()
    return "done"


@pytest.mark.parametrize(
    ("authority", "name", "expected"),
    [
        ("api.example.com:443", "api.example.com", "done"),
        ("API.Example.Com:443", "api.example.COM", "done"),
        ("api.example.com.:443", "api.example.com", "done"),
        ("api.example.com:443", "evil.example", "closed"),
        ("api.example.com:443", "evilapi.example.com", "closed"),
        ("api.example.com:443", "example.com", "closed"),
        ("api.example.com:443", "x.api.example.com", "closed"),
        ("api.example.com:443", "other.example.com", "closed"),
        ("evil.example:443", "api.example.com", "closed"),
        ("203.0.113.9:443", "api.example.com", "closed"),
        ("[2606:4700::1111]:443", "api.example.com", "closed"),
    ],
)  # fmt: skip
async def test_h01_h03_the_server_name_is_the_connects_host(
    proxy: Any, origin: Any, authority: str, name: str, expected: str
) -> None:
    assert await tls(proxy, authority, name) == expected
    refused = [event for event in await proxy.settled() if event["kind"] == "denied"]
    assert len(refused) == (expected == "closed")
    assert origin.connections == 0


async def handshake(proxy: Any, authority: str, name: str | None) -> bool:
    """A handshake by hand, so that the ClientHello may lack a server name; whether it came to an end."""
    reader, writer = await proxy.open()
    writer.write(connect(proxy, authority.encode()))
    await reader.readuntil(b"\r\n\r\n")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    inward, outward = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(inward, outward, server_hostname=name)
    try:
        while True:
            try:
                session.do_handshake()
            except ssl.SSLWantReadError:
                writer.write(outward.read())
                data = await asyncio.wait_for(reader.read(65536), 3)
                if not data:
                    return False
                inward.write(data)
            else:
                return True
    except OSError:
        return False
    finally:
        writer.transport.abort()


@pytest.mark.parametrize(
    ("authority", "name", "expected"),
    [
        ("api.example.com:443", None, False),  # a name without SNI
        ("203.0.113.9:443", None, True),  # an address has none; what is asked inside is decided there
        ("api.example.com:443", "api.example.com", True),
        ("api.example.com:443", "203.0.113.9", False),  # Python sends no SNI for an address
        ("api.example.com:443", "a" * 63 + "." + "b" * 63 + ".example", False),
    ],
)  # fmt: skip
async def test_h04_no_server_name_or_a_strange_one(
    proxy: Any, origin: Any, authority: str, name: str | None, expected: bool
) -> None:
    assert await handshake(proxy, authority, name) is expected
    assert origin.connections == 0


async def test_h02_h07_each_request_on_a_tunnel_is_for_the_tunnels_host(proxy: Any, origin: Any) -> None:
    for host in ("other.example.com", "evil.example", "files.example.com", "api.example.com:80"):
        tunnel = await proxy.connect()
        assert (await tunnel.request("GET", "/items/1")).status == 200
        answered = await tunnel.request("GET", "/items/1", host=host)
        assert (answered.status, answered.code) == (400, "bad_request"), host
    assert {seen.header("host") for seen in origin.requests} == {A}
    assert len(origin.requests) == 4


async def test_h08_relayed_and_nested_tunnels(attacker: Any, origin: Any) -> None:
    proxy = attacker.proxy
    nested = connect(proxy, b"other.example.com:443")
    await attacker.all_refused({"CONNECT in TLS in CONNECT": nested})
    before = origin.connections
    reader, writer = await proxy.open()
    writer.write(connect(proxy, b"api.example.com:443"))
    await reader.readuntil(b"\r\n\r\n")
    writer.write(nested)
    assert (await asyncio.wait_for(reader.read(65536), 3)).startswith(b"HTTP/1.1 400 ")
    assert origin.connections == before


async def test_h08_h09_plain_http_in_a_tunnel_is_plain_http(
    proxy: Any, origin: Any, plain_origin: Any
) -> None:
    """The credential is for https: the same words in clear, inside a CONNECT to port 443, get nothing."""
    reader, writer = await proxy.open()
    writer.write(connect(proxy, b"api.example.com:443"))
    await reader.readuntil(b"\r\n\r\n")
    writer.write(proxy.raw("GET", "/items/1", host="api.example.com:443"))
    back = await asyncio.wait_for(reader.read(65536), 3)
    assert back.startswith(b"HTTP/1.1 4"), back
    assert (origin.bytes_received, plain_origin.bytes_received) == (0, 0)


async def test_h09_denied_by_both_ways(
    proxy: Any, origin: Any, plain_origin: Any, lookups: list[str]
) -> None:
    for url in (b"http://evil.example/", b"http://api.example.com/items/1"):
        host = url[7:].partition(b"/")[0]
        back = await proxy.plain(absolute(proxy, url, host, b"Connection: close"))
        assert back.startswith(b"HTTP/1.1 403 "), (url, back)
    tunnel = await proxy.connect("evil.example")
    assert (await tunnel.request("GET", "/", host="evil.example", key=False)).status == 403
    assert (origin.connections, plain_origin.connections) == (0, 0)
    assert not [name for name in lookups if name != "127.0.0.1"]


@pytest.mark.parametrize("port", [22, 25, 53, 80, 5353, 8443, 9443])
async def test_h10_other_ports_are_other_places(
    proxy: Any, origin: Any, port: int, lookups: list[str]
) -> None:
    tunnel = await proxy.connect(A, port=port)
    answered = await tunnel.request("GET", "/items/1", host=f"{A}:{port}")
    assert answered.status == 403
    assert origin.connections == 0
    assert A not in lookups


async def test_h14_no_suffix_or_prefix_of_a_host_is_that_host(
    proxy: Any, origin: Any, lookups: list[str]
) -> None:
    for host in ("evilapi.example.com", "api.example.com.evil.example", "api-example.com", "xapi.example.com",
                 "example.com", "api.example.co", "a.api.example.com", "com"):  # fmt: skip
        tunnel = await proxy.connect(host)
        answered = await tunnel.request("GET", "/items/1", host=host)
        assert answered.status == 403, host
        await tunnel.close()
    assert origin.connections == 0
    assert not [name for name in lookups if name != "127.0.0.1"]


H19 = ["127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1",
       "169.254.169.254",
       "192.0.0.192", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "168.63.129.16",
       "100.100.100.200", "[::1]", "[::]", "[fe80::1]", "[fec0::1]", "[fd00:ec2::254]", "[fc00::1]",
       "[ff02::1]",
       "localhost", "a.localhost"]  # fmt: skip


@pytest.fixture
def dialled(monkeypatch: Any) -> list[Any]:
    """Every connection that the dialler makes."""
    from wharfinger.flow import dial

    made: list[Any] = []

    class Watched:
        def __getattr__(self, name: str) -> Any:
            return getattr(asyncio, name)

        @staticmethod
        async def open_connection(*place: Any) -> Any:
            made.append(place)
            return await asyncio.open_connection(*place)

    monkeypatch.setattr(dial, "asyncio", Watched())
    return made


async def test_h19_h23_addresses_that_no_policy_opens(
    start: Any, plain_origin: Any, dialled: list[Any]
) -> None:
    """Policy lets these hosts pass by name; the dialler does not. And the runtime's own doors never."""
    hosts = ", ".join(f'"{host}"' for host in H19)
    policy = f"policy: everyday\ndescription: x\nallow:\n  - tool: unmatched\n    hosts: [{hosts}]\n"
    async with start({"policies/everyday.yaml": policy}) as proxy:
        own = proxy.address[1]
        for host in H19:
            for port in (plain_origin.port, own):
                place = f"{host}:{port}".encode()
                back = await proxy.plain(
                    absolute(proxy, b"http://" + place + b"/", place, b"Connection: close")
                )
                assert back.startswith((b"HTTP/1.1 502 ", b"HTTP/1.1 403 ")), (host, port, back[:100])
        outcomes = [event["outcome"] for event in await proxy.settled() if event["kind"] == "outcome"]
        assert set(outcomes) <= {"not_sent"}
    assert dialled == []
    assert plain_origin.connections == 0


async def test_h23_the_proxy_itself_cannot_be_reached_through_it(attacker: Any, lookups: list[str]) -> None:
    proxy = attacker.proxy
    host, port = proxy.address
    places = [f"{host}:{port}", f"localhost:{port}", f"localhost.:{port}", f"x.localhost:{port}",
              f"0.0.0.0:{port}", f"[::1]:{port}", "mitm.it", "mitm.it:80", "wharfinger",
              "proxy.local"]  # fmt: skip
    vectors = {place: absolute(proxy, b"http://" + place.encode() + b"/", place.encode()) for place in places}
    await attacker.all_refused(vectors, inside=False, statuses=(403, 400))
    assert not [name for name in lookups if name != "127.0.0.1"]


async def test_the_crl_path_of_mitmproxy_is_nobodys(proxy: Any, origin: Any) -> None:
    answered = await proxy.request("GET", "/mitmproxy-1234.crl")
    assert answered.status == 403
    assert origin.connections == 0


async def test_positive_control_the_plain_spelling(attacker: Any) -> None:
    with contextlib.suppress(ConnectionError):
        await attacker.serves()
    tunnel = await attacker.proxy.connect("API.example.com")
    assert (await tunnel.request("GET", "/items/1", host="Api.Example.Com:443")).status == 200
