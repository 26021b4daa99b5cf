# ruff: noqa: E501 -- tables of vectors are read by their rows
# fmt: off
"""H01 to H23: which host it is, and where that leads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bypassing.vectors import KEY, Class, Vector, get, passing, plain, raw, request, to
from bypassing.world import API, CONSOLE, EVIL, INTERNAL, OPEN, OTHER, PLAIN, PRIVATE, PROXY, SHIFTY

E = f"@TAG@.{EVIL}"
"""The attacker's host, known by the vector that named it."""
ITEM = "/items/@TAG@"


def carried(authority: str, *, port: str = ":443") -> Iterator[Vector]:
    """An authority in a CONNECT, in an absolute target, in a Host inside, in a Host outside."""
    data = authority.encode("latin-1", "replace") if authority.isascii() else authority.encode()
    text = data.decode("latin-1")
    inside = request("GET", ITEM, KEY, host=API)
    yield Vector((inside,), connect=data + port.encode(), sni=API, fresh=True)
    yield Vector((inside,), connect=data + port.encode(), tls=False, fresh=True)
    yield plain(f"http://{text}/open/@TAG@", host=text, fresh=True)
    yield plain(f"http://{text}/open/@TAG@", host=PLAIN, fresh=True)
    if text == text.strip(" \t"):  # around a field's value blanks say nothing
        yield plain("http://plain.example.com/open/@TAG@", host=text, fresh=True)
        yield raw(request("GET", ITEM, KEY, host=text))


def _all(authorities: Iterable[str], *, port: str = ":443") -> tuple[Vector, ...]:
    return tuple(vector for authority in authorities for vector in carried(authority, port=port))


CONTROLS = ["\0", "\t", "\r", "\n", "\x0b", "\x0c", "\x1f", "\x7f", "\x85", "\xa0", " ", "\u2028", "\u3000"]
LOOPBACK = [
    "2130706433", "0x7f000001", "017700000001", "0177.0.0.1", "0o177.0.0.1", "127.1", "127.0.1", "0", "0x7f.1",
    "0x7f.0x0.0x0.0x1", "4294967297", "127.0.0.01", "127.000.000.001", "127.0.0.1.", "1.0.0.127.in-addr.arpa.",
    "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "169.16689662", "0xa9.254.0xa9.254",
    "10.5", "012.0.0.5", "0xA.0.0.5", "167772165", "１２７.0.0.1", "①②⑦.0.0.1", "127。0。0。1", "0x", "256.0.0.1",
]
EMBEDDED = [
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[::7f00:1]", "[64:ff9b::7f00:1]",
    "[64:ff9b::169.254.169.254]", "[64:ff9b:1::a9fe:a9fe]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]",
    "[2001:0:a00:5::1]", "[fe80::5efe:a00:5]", "[::ffff:169.254.169.254]", "[::FFFF:A9FE:A9FE]",
    "[0:0:0:0:0:ffff:a9fe:a9fe]", "[::ffff:0:7f00:1]", "[fe80::1%25lo]", "[fe80::1%lo]", "[::1%25lo]",
    "[0000:0000:0000:0000:0000:0000:0000:0001]", "[::1]", "[::]", "[::0001]",
]
USER = [
    f"{PLAIN}@{E}", f"{PLAIN}:80@{E}", f"{PLAIN}\\@{E}", f"{PLAIN}%40{E}", f"//{PLAIN}@{E}", f"{PLAIN}#@{E}",
    f"{PLAIN}?@{E}", f"{PLAIN};@{E}", f"{PLAIN} &@{E}# @x", f"{PLAIN}:80\\@@{E}", f"{PLAIN}/", f"{PLAIN},{E}",
    f"{PLAIN}&{E}", f"u:p@{PLAIN}", f"@{PLAIN}", f"{E}@{PLAIN}", f"{PLAIN}@", f"{PLAIN}\\.{E}", f"{PLAIN}|{E}",
    f"bot:x@{API}",
]
ALPHABETS = [
    "%61pi.example.com", "api%2eexample.com", "\uff21pi.example.com", "\u24d0pi.example.com", "a\u00adpi.example.com",
    "a\u200dpi.example.com", "a\u200cpi.example.com", "api\u3002example.com", "api\uff0eexample.com",
    "xn--api-.example.com", "xn--.example.com", "\u0430pi.example.com", "a" * 64 + ".example.com",
    ".".join(["a" * 60] * 5), "*.example.com", "api!.example.com", "api_.example.com", "-api.example.com",
    "api-.example.com", "x\u00e9.example.com", "stra\u00dfe.example",
]


def classes() -> tuple[Class, ...]:
    """The classes of this module."""
    inside = request("GET", ITEM, KEY, host=API)
    ok = request("GET", "/items/@OK@", KEY, host=API)
    return (
        Class(
            "H01 server name",
            tuple(
                Vector((request("GET", ITEM, KEY, host=host),), connect=connect.encode(), sni=sni, fresh=True)
                for connect in (f"{API}:443", f"{OPEN}:443", f"{EVIL}:443")
                for sni in (API, OTHER, OPEN, E, f"{API}.{EVIL}", "example.com", "localhost")
                for host in (API, E)
                if not (connect == f"{sni}:443" and host == sni)
            ),
            passing(
                [Vector((inside,), sni=name, fresh=True) for name in (API, API.upper(), "Api.Example.Com")]
                + [to(OPEN, "/open/@TAG@", sni=OPEN.upper(), fresh=True), to(OTHER, "/things/@TAG@", "X-Api-Key: @OTHER@")]
            ),
        ),
        Class(
            "H02 domain fronting",
            tuple(
                raw(request("GET", target, KEY, host=host))
                for host in (E, OTHER, OPEN, f"{E}:443", f"{API}.{EVIL}", f"{API}:444", f"{API}:80", "example.com", "a", "")
                for target in (ITEM, "/items?t=@TAG@", "/open/@TAG@")
            ),
            passing(raw(request("GET", ITEM, KEY, host=host)) for host in (API, f"{API}:443", API.upper(), f"{API}.")),
        ),
        Class(
            "H03 address in the CONNECT",
            tuple(
                Vector((request("GET", ITEM, KEY, host=host),), connect=connect.encode(), sni=sni, fresh=True)
                for connect in ("93.184.215.66:443", "93.184.215.10:443", "10.0.0.5:443", "[2001:db8::1]:443")
                for sni in (API, None, EVIL)
                for host in (API, connect.removesuffix(":443"))
            ),
            passing([get(ITEM)]),
        ),
        Class(
            "H04 odd server names",
            tuple(
                Vector((inside,), sni=sni, fresh=True)
                for sni in (
                    None, b"93.184.215.10", b"127.0.0.1", b"api.example.com\t", b"a" * 255, b"api", b"api..example.com",
                    b".api.example.com", b"api.example.com..", b"[::1]", b"api.example.com:443", b"*", b"*.example.com",
                    b"api.example.com ", b"\xc3\xa9.example.com", b"api_example.com", b"apiXexample.com",
                    b"api.example.com/", b"@api.example.com", b"api.example.com@x",
                )
            ),
            passing([Vector((inside,), sni=b"api.example.com", fresh=True), Vector((inside,), sni=b"API.example.COM", fresh=True)]),
        ),
        Class(
            "H05 absolute form against Host",
            tuple(
                plain(f"http://{one}/open/@TAG@", host=other, fresh=True)
                for one, other in (
                    (PLAIN, E), (PLAIN, API), (PLAIN, ""), (PLAIN, f"{PLAIN}:81"), (E, PLAIN), (E, E), (API, API),
                    (API, PLAIN), (f"{PLAIN}:81", PLAIN), (OTHER, OTHER), (PLAIN, f"{PLAIN}.{EVIL}"), (f"{PLAIN}.{EVIL}", PLAIN),
                    ("127.0.0.1", PLAIN), ("169.254.169.254", "169.254.169.254"), (PLAIN, "127.0.0.1"), (PLAIN, OPEN),
                )
            )
            + tuple(
                raw(request("GET", target, KEY, "X-Request-Id: @TAG@"))
                for target in (f"https://{API}{ITEM}", f"http://{API}{ITEM}", f"https://{E}/@TAG@", f"//{E}/@TAG@", f"{API}:443", "*")
            ),
            passing(
                plain(f"http://{one}/open/@TAG@", host=other, fresh=True)
                for one, other in (
                    (PLAIN, PLAIN), (f"{PLAIN}:80", PLAIN), (PLAIN, f"{PLAIN}:80"), (PLAIN.upper(), PLAIN), (PLAIN, PLAIN.title()),
                    (f"{PLAIN}.", PLAIN), (PLAIN, f"{PLAIN}."),
                )
            ),
        ),
        Class(
            "H06 several Hosts",
            tuple(
                raw(f"GET {ITEM} HTTP/1.1\r\n{hosts}{KEY}\r\n\r\n")
                for hosts in (
                    f"Host: {API}\r\nHost: {API}\r\n", f"Host: {API}\r\nHost: {E}\r\n", f"Host: {E}\r\nHost: {API}\r\n",
                    "", "Host:\r\n", f"Host: {API}, {E}\r\n", f"Host: {API} {E}\r\n", f"Host : {API}\r\n", f" Host: {API}\r\n",
                    f"Host: {API}\r\n {E}\r\n", f"Host:\t{E}\r\nX: {API}\r\n", f"host: {API}\r\nHOST: {E}\r\n", f"Host: {API}/\r\n",
                    f"Host: {API}?\r\n", f"Host: {API}#\r\n", f"Host: a@{API}\r\n", f"Host: http://{API}\r\n", f"Host\0: {API}\r\n",
                    f"Host: {API}:\r\n", f"Host: {API}:x\r\n", f"Host: {API}\r\nHo\x73t : {E}\r\n", f"Host\r\n: {API}\r\n",
                )
            ),
            passing(
                raw(f"GET {ITEM} HTTP/1.1\r\n{hosts}{KEY}\r\n\r\n")
                for hosts in (f"Host:{API}\r\n", f"hOsT: {API}\r\n", f"Host: \t{API} \r\n", f"X-Request-Id: 1\r\nHost: {API}\r\n")
            ),
        ),
        Class(
            "H07 one connection, several hosts",
            tuple(
                raw(ok, request("GET", target, *fields, host=host))
                for host in (E, OTHER, OPEN, f"{API}.{EVIL}", "127.0.0.1")
                for target, fields in ((ITEM, (KEY,)), ("/open/@TAG@", ()), ("/things/@TAG@", ("X-Api-Key: @OTHER@",)))
            )
            + tuple(raw(ok + request("GET", ITEM, KEY, host=host)) for host in (E, OTHER, OPEN))
            + tuple(
                Vector(
                    (
                        request("GET", f"http://{PLAIN}/open/@OK@", "Proxy-Authorization: Basic @AUTH@", host=PLAIN),
                        request("GET", f"http://{host}/open/@TAG@", "Proxy-Authorization: Basic @AUTH@", host=name),
                    ),
                    connect=None, fresh=True,
                )
                for host, name in ((E, E), (PLAIN, E), (E, PLAIN), (API, API), ("10.0.0.5", "10.0.0.5"))
            ),
            passing([raw(ok, inside), raw(ok + inside, answers=2), raw(ok, ok, inside), raw(ok, request("GET", ITEM, KEY, host=f"{API}:443"))]),
        ),
        Class(
            "H08 tunnels in tunnels",
            tuple(
                raw(f"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n", inside)
                for host in (f"{E}:443", f"{API}:443", "127.0.0.1:22", "10.0.0.5:443")
            )
            + tuple(
                Vector((b"CONNECT %b HTTP/1.1\r\nHost: x\r\n\r\n" % host.encode(), inside), tls=False, fresh=True)
                for host in (f"{E}:443", f"{API}:443")
            )
            + tuple(
                raw(hello, inside, whole=False)
                for hello in (
                    b"\x16\x03\x01\x00\x2e\x01\x00\x00\x2a\x03\x03" + b"@TAG@".ljust(32, b"r") + b"\x00\x00\x02\x13\x01\x01\x00",
                    b"\x16\x03\x01", b"SSH-2.0-@TAG@\r\n", b"\x05\x01\x00", b"\x04\x01\x01\xbb\x0a\x00\x00\x05\x00",
                    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"EHLO @TAG@\r\n", b"\x00\x00\x00\x01@TAG@",
                )
            )
            + tuple(
                Vector((hello,), connect=f"{host}:443".encode(), tls=False, fresh=True, whole=False)
                for host in (API, OPEN, E)
                for hello in (b"SSH-2.0-@TAG@\r\n", b"@TAG@" * 100, b"\x05\x01\x00@TAG@", b"\0@TAG@")
            )
            + tuple(get(ITEM, field, fresh=True, silent=False) for field in ("Via: 1.1 x", "Proxy-Connection: keep-alive")),
            passing([get(ITEM, "Via: 1.1 vegur"), get(ITEM, "Proxy-Connection: keep-alive")]),
        ),
        Class(
            "H09 plain against TLS",
            tuple(plain(f"http://{host}{path}", host=host) for host in (E, API, OTHER, "cdn.example.com", "chat.example.com") for path in ("/open/@TAG@", ITEM))
            + tuple(Vector((request("GET", path, host=host),), connect=f"{host}:{port}".encode(), tls=False, fresh=True) for host, port in ((API, 80), (API, 443), (OTHER, 443), (E, 80)) for path in (ITEM, "/open/@TAG@"))
            + tuple(Vector((request("GET", ITEM, KEY, host=f"{API}:80"),), connect=f"{API}:80".encode(), tls=tls, fresh=True) for tls in (True, False))
            + tuple(plain(f"http://{PLAIN}/{path}/@TAG@") for path in ("items", "closed", "", "Open"))
            + tuple(plain(f"http://{PLAIN}/open/@TAG@", method=method) for method in ("POST", "DELETE", "PUT", "PATCH")),
            passing(
                [plain(f"http://{PLAIN}/open/{path}") for path in ("@TAG@", "a/@TAG@", "@TAG@?q=1", "@TAG@.html", "a-b/@TAG@")]
                + [Vector((request("GET", "/open/@TAG@", host=PLAIN),), connect=f"{PLAIN}:80".encode(), tls=False, fresh=True)]
            ),
        ),
        Class(
            "H10 ports",
            _all(
                [f"{PLAIN}{port}" for port in (":0", ":00080", ":80443", ":-1", ":0x50", ":80 ", ": 80", ":٨٠", ":+80", ":8_0", ":65536", ":80:80", "::80", ":http", ":", ":8.0", ":８０")],
                port="",
            )
            + tuple(Vector((request("GET", ITEM, KEY, host=f"{API}:{port}"),), connect=f"{API}:{port}".encode(), sni=API, fresh=True) for port in (22, 25, 53, 444, 5353, 6379, 8443, 9000))
            + tuple(plain(f"http://{PLAIN}:{port}/open/@TAG@", host=f"{PLAIN}:{port}") for port in (22, 25, 53, 443, 6379, 8080, 8081, 9000)),
            passing([plain(f"http://{PLAIN}:80/open/@TAG@", host=f"{PLAIN}:80"), raw(request("GET", ITEM, KEY, host=f"{API}:443"))]),
        ),
        Class(
            "H11 dots",
            _all(["..", ".", f"{PLAIN}..", f".{PLAIN}", f"plain..{EVIL}", f"{PLAIN}...", f"..{PLAIN}", f"{E}.", f"{PLAIN}.{E}", f"{PLAIN}.."]),
            passing([plain(f"http://{PLAIN}./open/@TAG@", host=f"{PLAIN}."), Vector((inside,), connect=f"{API}.:443".encode(), sni=API, fresh=True)]),
        ),
        Class("H12 brackets", _all([f"[{PLAIN}]", f"[[{PLAIN}]]", "[[::1]]", "[v1.x]", "[]", "[", "]", "[::1", f"[{PLAIN}", f"{PLAIN}]", "[::1]x", "[127.0.0.1]", f"[{E}]"]), passing([get(ITEM)])),
        Class(
            "H13 controls in hosts",
            _all([f"{E}{control}.{PLAIN}" for control in CONTROLS] + [f"{PLAIN}{control}" for control in CONTROLS if control not in {" ", "\t"}] + [f"{PLAIN}{control}{E}" for control in CONTROLS]),
            passing([get(ITEM)]),
        ),
        Class(
            "H14 suffixes",
            tuple(
                vector
                for host in (f"evil{PLAIN}", f"{PLAIN}.{E}", f"{PLAIN}-{E}", f"x{PLAIN}", "example.com", f"x.{PLAIN}", "plain.example.co", "lain.example.com", "plain.example.com.com", "plainexample.com", "rebind.example.com", "a.n01.rebind.example.com")
                for vector in (plain(f"http://{host}/open/@TAG@", host=host), to(host, "/open/@TAG@", fresh=True), to(host, ITEM, KEY, fresh=True))
            ),
            passing([plain(f"http://{PLAIN}/open/@TAG@"), to(OPEN, "/open/@TAG@")]),
        ),
        Class("H15 user info", _all(USER), passing([plain(f"http://{PLAIN}/open/a@TAG@@{EVIL}"), get("/items/@TAG@@x"), to(OPEN, "/open/@TAG@?u=a@b")])),
        Class(
            "H16 alphabets",
            _all(ALPHABETS),
            passing([plain(f"http://{PLAIN.upper()}/open/@TAG@", host=PLAIN.swapcase()), Vector((inside,), connect=f"{API.upper()}:443".encode(), sni=API, fresh=True)]),
        ),
        Class("H17 spellings of IPv4", _all(LOOPBACK, port=":80"), passing([to(OPEN, "/open/@TAG@/127.0.0.1")])),
        Class("H18 IPv4 in IPv6", _all(EMBEDDED, port=":80"), passing([to(OPEN, "/open/@TAG@/[::1]".replace("[", "%5B").replace("]", "%5D"))])),
        Class(
            "H19 special ranges",
            tuple(
                vector
                for address in ("127.0.0.1", "127.8.8.8", "0.0.0.0", *PRIVATE, "224.0.0.1", "255.255.255.255", "[fd00:ec2::254]", "[fc00::7]", "[fe80::5]", "[2001:db8::1]")
                for vector in (
                    plain(f"http://{address}/open/@TAG@", host=address),
                    Vector((request("GET", "/open/@TAG@", host=address),), connect=f"{address}:80".encode(), tls=False, fresh=True),
                    Vector((request("GET", "/latest/meta-data/@TAG@", host=address),), connect=f"{address}:443".encode(), sni=None, fresh=True),
                )
            ),
            passing([plain(f"http://{PLAIN}/open/@TAG@/169.254.169.254")]),
        ),
        Class(
            "H20 names that resolve inward",
            tuple(plain(f"http://{name}/open/@TAG@", host=name, fresh=True) for name in (*INTERNAL, "alias.example.com"))
            + tuple(to(name, "/open/@TAG@", fresh=True) for name in INTERNAL)
            + tuple(plain(f"http://{name}/open/@TAG@", host=name, fresh=True, silent=how not in {"later", "alternate"}) for name, how in SHIFTY.items() for _ in range(3)),
            passing([to(OPEN, "/open/@TAG@", fresh=True), plain(f"http://{PLAIN}/open/@TAG@", fresh=True)]),
        ),
        Class(
            "H21 names as a way out",
            tuple(
                vector
                for lead in ("mzxw6ytboi-@TAG@", "data.@TAG@", "@TAG@." + "a" * 60)
                for parent in (EVIL, PLAIN, API, "rebind.example.com", "example.com")
                for vector in (to(f"{lead}.{parent}", "/", fresh=True), plain(f"http://{lead}.{parent}/", host=f"{lead}.{parent}", fresh=True), Vector((b"",), connect=f"{lead}.{parent}:443".encode(), tls=False, fresh=True, whole=False))
            ),
            passing([to(OPEN, "/open/data.@TAG@")]),
        ),
        Class(
            "H22 schemes and forms",
            tuple(plain(f"{scheme}://{host}/open/@TAG@", host=host, fresh=True) for scheme in ("ftp", "file", "gopher", "ws", "wss", "https", "HTTPS", "javascript", "data", "h2c", "httpx", "http+unix", "unix", "dict", "ldap") for host in (PLAIN, OPEN))
            + tuple(
                Vector((f"{line}\r\nHost: {PLAIN}\r\nProxy-Authorization: Basic @AUTH@\r\nX-Request-Id: @TAG@\r\n\r\n".encode(),), connect=None, fresh=True)
                for line in (
                    "OPTIONS * HTTP/1.1", "GET /open/@TAG@ HTTP/1.1", "GET * HTTP/1.1", f"GET {PLAIN}:80 HTTP/1.1", "PRI * HTTP/2.0", "GET http:/plain.example.com/open/@TAG@ HTTP/1.1",
                    "GET http:///open/@TAG@ HTTP/1.1", "GET http:plain.example.com/open/@TAG@ HTTP/1.1", "GET //plain.example.com/open/@TAG@ HTTP/1.1", "GET http:\\\\plain.example.com\\open\\@TAG@ HTTP/1.1",
                    "GET http://?plain.example.com/open/@TAG@ HTTP/1.1", "GET http://#plain.example.com/open/@TAG@ HTTP/1.1", "OPTIONS http://plain.example.com HTTP/1.1", "GET  HTTP/1.1",
                )
            )
            + tuple(get(ITEM, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA", fresh=True, silent=False, deaf_to=b"HTTP/1.1 101") for _ in range(1)),
            passing([plain(f"HTTP://{PLAIN}/open/@TAG@"), plain(f"hTTp://{PLAIN}/open/@TAG@"), get(ITEM, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA", fresh=True)]),
        ),
        Class(
            "H23 the proxy itself",
            tuple(
                vector
                for host in ("127.0.0.1", "localhost", "localhost.", "x.localhost", "[::1]", "0.0.0.0", "mitm.it", "wharfinger", "127.8.8.8", "proxy", "[::ffff:127.0.0.1]")
                for port in (PROXY[1], CONSOLE[1], 80)
                for vector in (
                    plain(f"http://{host}:{port}/sign-in?@TAG@", host=f"{host}:{port}", fresh=True, deaf_to=b"<html"),
                    Vector((request("GET", "/sign-in?@TAG@", host=f"{host}:{port}"),), connect=f"{host}:{port}".encode(), tls=False, fresh=True, deaf_to=b"<html"),
                )
            ),
            passing([to(OPEN, "/open/@TAG@/localhost")]),
        ),
    )
