"""Requests that are no proper HTTP/1.1: answered 400 in our words or cut off, recorded, and sent nowhere."""

from __future__ import annotations

from typing import Any

import pytest

LINE = b"GET /items/1 HTTP/1.1\r\n"
HOST = b"Host: api.example.com\r\n"
END = b"\r\n"


def get(*fields: bytes, line: bytes = LINE, host: bytes = HOST) -> bytes:
    return line + host + b"".join(field + END for field in fields) + END


def post(*fields: bytes, body: bytes = b"") -> bytes:
    return get(*fields, line=b"POST /items HTTP/1.1\r\n") + body


def key(proxy: Any) -> bytes:
    return b"Authorization: Bearer " + proxy.placeholder().encode()


REQUEST_LINES = {
    "HTTP/0.9": b"GET /items/1\r\n",
    "HTTP/1.2": b"GET /items/1 HTTP/1.2\r\n",
    "HTTP/1.32": b"GET /items/1 HTTP/1.32\r\n",
    "HTTP/2.0 as text": b"GET /items/1 HTTP/2.0\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n",
    "lower-case version": b"GET /items/1 http/1.1\r\n",
    "no version number": b"GET /items/1 HTTP/\r\n",
    "tab between": b"GET\t/items/1\tHTTP/1.1\r\n",
    "vertical tab between": b"GET\x0b/items/1\x0bHTTP/1.1\r\n",
    "form feed between": b"GET /items/1\x0cHTTP/1.1\r\n",
    "carriage return between": b"GET\r/items/1 HTTP/1.1\r\n",
    "two spaces": b"GET  /items/1 HTTP/1.1\r\n",
    "leading space": b" GET /items/1 HTTP/1.1\r\n",
    "trailing space": b"GET /items/1 HTTP/1.1 \r\n",
    "NUL in the target": b"GET /items/\x001 HTTP/1.1\r\n",
    "DEL in the target": b"GET /items/\x7f1 HTTP/1.1\r\n",
    "raw UTF-8 in the target": "GET /items/é HTTP/1.1\r\n".encode(),
    "no-break space between": b"GET\xa0/items/1\xa0HTTP/1.1\r\n",
    "method with a colon": b"GET: /items/1 HTTP/1.1\r\n",
    "method with a quote": b'G=":GET /items/1 HTTP/1.1\r\n',
    "method with brackets": b"G(E)T /items/1 HTTP/1.1\r\n",
    "empty method": b" /items/1 HTTP/1.1\r\n",
    "asterisk": b"OPTIONS * HTTP/1.1\r\n",
    "absolute form in a tunnel": b"GET https://api.example.com/items/1 HTTP/1.1\r\n",
    "another host's absolute form in a tunnel": b"GET http://plain.example.com/ HTTP/1.1\r\n",
    "authority form": b"GET api.example.com:443 HTTP/1.1\r\n",
    "CONNECT in a tunnel": b"CONNECT api.example.com:443 HTTP/1.1\r\n",
    "connect in a tunnel, in lower case": b"connect /items/1 HTTP/1.1\r\n",
    "Connect in a tunnel, with a path": b"CONNECT /items/1 HTTP/1.1\r\n",
    "empty target": b"GET  HTTP/1.1\r\n",
    "response line": b"HTTP/1.1 200 OK\r\n",
}


async def test_f10_request_lines(attacker: Any) -> None:
    field = key(attacker.proxy)
    await attacker.all_refused({name: get(field, line=line) for name, line in REQUEST_LINES.items()})


OUTSIDE = {
    "origin form": b"GET /x HTTP/1.1\r\n",
    "origin form of a denied host": b"GET / HTTP/1.1\r\n",
    "https": b"GET https://plain.example.com/x HTTP/1.1\r\n",
    "ftp": b"GET ftp://plain.example.com/x HTTP/1.1\r\n",
    "file": b"GET file:///etc/passwd HTTP/1.1\r\n",
    "gopher": b"GET gopher://plain.example.com/x HTTP/1.1\r\n",
    "ws": b"GET ws://plain.example.com/x HTTP/1.1\r\n",
    "no scheme": b"GET //plain.example.com/x HTTP/1.1\r\n",
    "one slash": b"GET http:/plain.example.com/x HTTP/1.1\r\n",
    "three slashes": b"GET http:///plain.example.com/x HTTP/1.1\r\n",
    "asterisk": b"OPTIONS * HTTP/1.1\r\n",
    "connect in lower case": b"connect plain.example.com:80 HTTP/1.1\r\n",
    "connect in lower case, absolute": b"connect http://plain.example.com/ HTTP/1.1\r\n",
    "preface": b"PRI * HTTP/2.0\r\n",
    "no host": b"GET http:// HTTP/1.1\r\n",
}


async def test_h22_f10_what_is_said_to_the_proxy_itself(attacker: Any) -> None:
    auth = b"Proxy-Authorization: " + attacker.proxy.proxy_auth().encode()
    host = b"Host: plain.example.com\r\n"
    vectors = {name: get(auth, line=line, host=host) for name, line in OUTSIDE.items()}
    await attacker.all_refused(vectors, inside=False)


async def test_positive_control_the_same_without_the_fault(attacker: Any) -> None:
    back = await attacker.inside(get(key(attacker.proxy), b"Connection: close"))
    assert back.startswith(b"HTTP/1.1 200 ")
    auth = b"Proxy-Authorization: " + attacker.proxy.proxy_auth().encode()
    for scheme in (b"http", b"HTTP", b"hTTp"):
        line = b"GET " + scheme + b"://plain.example.com/x HTTP/1.1\r\n"
        back = await attacker.outside(
            get(auth, b"Connection: close", line=line, host=b"Host: plain.example.com\r\n")
        )
        assert back.startswith(b"HTTP/1.1 200 "), scheme


FIELDS = {
    "NUL in a value": b"X-A: a\x00b",
    "bare CR in a value": b"X-A: a\rX-B: b",
    "escape in a value": b"X-A: a\x1b[2J",
    "DEL in a value": b"X-A: a\x7f",
    "vertical tab in a value": b"X-A: a\x0bb",
    "folded": b"X-A: a\r\n b",
    "folded with a tab": b"X-A: a\r\n\tb",
    "first field folded": b" X-A: a",
    "no colon": b"X-A",
    "no name": b": a",
    "space before the colon": b"X-A : a",
    "tab before the colon": b"X-A\t: a",
    "space in the name": b"X A: a",
    "name with a NUL": b"X\x00A: a",
    "name with a slash": b"X/A: a",
    "name with latin-1": b"X\xe9: a",
    "no-break space before the colon": b"X-A\xa0: a",
}


async def test_f02_f03_header_fields(attacker: Any) -> None:
    field = key(attacker.proxy)
    await attacker.all_refused({name: get(field, bad) for name, bad in FIELDS.items()})
    # The first field of a head has no field before it that it could be folded into.
    await attacker.all_refused(
        {name: LINE + bad + END + HOST + field + END + END for name, bad in FIELDS.items()}
    )


async def test_f03_the_credentials_field_twice_or_folded(attacker: Any) -> None:
    field = key(attacker.proxy)
    value = field.partition(b": ")[2]
    vectors = {
        "twice": get(field, field),
        "twice, in two cases": get(field, b"authorization: x"),
        "folded": get(b"Authorization: Bearer\r\n " + value[7:]),
        "host twice": get(field, b"Host: api.example.com"),
        "content-type twice": get(field, b"Content-Type: application/json", b"Content-Type: text/plain"),
    }
    await attacker.all_refused(vectors)


@pytest.mark.parametrize("size", [70_000, 1_000_000])
async def test_f03_a_large_head_is_431(attacker: Any, size: int) -> None:
    field = key(attacker.proxy)
    vectors = {
        "one large field": get(field, b"X-A: " + b"a" * size),
        "one large name": get(field, b"a" * size + b": x"),
        "a large target": get(field, line=b"GET /items/" + b"a" * size + b" HTTP/1.1\r\n"),
        "many fields": get(field, *(b"X-%d: %s" % (i, b"a" * 80) for i in range(size // 90))),
        "without an end": LINE + HOST + b"X-A: " + b"a" * size,
        "without a line": b"a" * size,
    }
    await attacker.all_refused(vectors, statuses=(400, 431))


async def test_f03_too_many_fields(attacker: Any) -> None:
    await attacker.all_refused(
        {"1000 fields": get(key(attacker.proxy), *(b"X-%d: a" % i for i in range(1000)))}, statuses=(431, 400)
    )


async def test_f08_methods_that_echo_or_tunnel(attacker: Any) -> None:
    field = key(attacker.proxy)
    vectors = {
        method: get(field, line=method.encode() + b" /items/1 HTTP/1.1\r\n")
        for method in ("TRACE", "TRACK", "get", "Get", "DEBUG", "PROPFIND", "PURGE", "X" * 40)
    }
    await attacker.all_refused(vectors, statuses=(400, 403))


P01 = [
    "/items/../1", "/items/./1", "/..", "/.", "/items/..;/1", "/items/..;x=y/1", "/items/%2e%2e/1",
    "/items/.%2e/1", "/items/%252e%252e/1", "/items/%2e%2e;/1", "/items/%2e", "/%2e%2e/items/1",
    "/items/..%2f1", "/items/..%5c1", "/items/%2e%2e%2f1", "/items/..\\1", "/items/1/..", "/items/1/.",
]  # fmt: skip
P02 = [
    "//items/1", "/items//1", "//items//1", "/items/1%00", "/items/%00", "/items/1%0a", "/items/1%0d%0aX: y",
    "/items/\\1", "/items/%5c1", "/items/1;jsessionid=1", "/items;a/1", "/items/1%2fadmin", "/items/1%2F..",
    "/items/1%252fadmin", "/items/%c0%af", "/items/%c0%ae", "/items/%ff", "/items/%zz", "/items/%",
    "/items/%1", "/items/1#frag", "/items/1?a=1#frag", "/items/" + "a" * 9000, "/items/1%7f", "/items/1%1b",
]  # fmt: skip


@pytest.mark.parametrize("targets", [P01, P02], ids=["P01", "P02"])
async def test_p01_p02_paths_with_two_readings(attacker: Any, targets: list[str]) -> None:
    field = key(attacker.proxy)
    vectors = {target: get(field, line=f"GET {target} HTTP/1.1\r\n".encode()) for target in targets}
    await attacker.all_refused(vectors, statuses=(400, 403))


async def test_p02_paths_that_are_only_other_paths_match_no_tool(attacker: Any) -> None:
    field = key(attacker.proxy)
    targets = ["/items/1/", "/ITEMS/1", "/items", "/items/1/2", "/%69tem/1", "/items%2f1", "/items%20/1", "/"]
    vectors = {target: get(field, line=f"GET {target} HTTP/1.1\r\n".encode()) for target in targets}
    await attacker.all_refused(vectors, statuses=(403, 400))


async def test_positive_control_spellings_with_one_reading_go_out_as_received(
    attacker: Any, origin: Any
) -> None:
    targets = ["/%69tems/1", "/items/%31", "/items/a%20b", "/items/a.json", "/items/%e2%82%ac", "/items/~",
               "/items/..a", "/items/a..", "/items/...", "/items/a%3Bb"]  # fmt: skip
    for target in targets:
        assert (await attacker.proxy.request("GET", target)).status == 200, target
    assert [seen.target for seen in origin.requests] == targets


P06 = ["gzip", "br", "zstd", "gzip, gzip", "identity, gzip", "base64", "hex", "bz2", "zlib", "rot13", "uu",
       "utf-16", "x", "gzip;q=1", "GZIP"]  # fmt: skip


async def test_p06_a_body_that_policy_reads_is_not_encoded(attacker: Any) -> None:
    field = key(attacker.proxy)
    body = b'{"name": "x"}'
    kind, length = b"Content-Type: application/json", b"Content-Length: %d" % len(body)
    vectors = {
        coding: post(field, kind, length, b"Content-Encoding: " + coding.encode(), body=body)
        for coding in P06
    }
    await attacker.all_refused(vectors, statuses=(400, 403))


P07 = ["X-HTTP-Method-Override: DELETE", "X-HTTP-Method: DELETE", "X-Method-Override: DELETE",
       "X_HTTP_Method_Override: DELETE", "X-Original-URL: /admin", "X-Rewrite-URL: /admin",
       "X-Original-URI: /admin", "X-Forwarded-Host: evil.example", "Forwarded: host=evil.example",
       "X-Host: evil.example", "X-Forwarded-Proto: http", "X-Forwarded-Port: 1", "x-base-url: https://evil",
       "X-Forwarded-Prefix: /admin", "Destination: https://evil.example/"]  # fmt: skip


async def test_p07_fields_that_change_the_call(attacker: Any) -> None:
    field = key(attacker.proxy)
    await attacker.all_refused({bad: get(field, bad.encode()) for bad in P07}, statuses=(400, 403))


async def test_p07_method_override_in_query_or_body(attacker: Any) -> None:
    field = key(attacker.proxy)
    body = b'{"name": "x", "_method": "DELETE"}'
    vectors = {
        "query": get(field, line=b"GET /items/1?_method=DELETE HTTP/1.1\r\n"),
        "query, encoded": get(field, line=b"GET /items/1?%5fmethod=DELETE HTTP/1.1\r\n"),
        "json": post(field, b"Content-Type: application/json", b"Content-Length: %d" % len(body), body=body),
    }
    await attacker.all_refused(vectors, statuses=(400, 403))


F09 = ["Connection: authorization", "Connection: close, Host", "Connection: content-length",
       "Connection: accept", "Connection: content-type, close"]  # fmt: skip


async def test_f09_connection_cannot_name_what_the_decision_reads(attacker: Any) -> None:
    field = key(attacker.proxy)
    body = b'{"name": "x"}'
    fields = [b"Accept: */*", b"Content-Type: application/json", b"Content-Length: %d" % len(body)]
    await attacker.all_refused({bad: post(field, *fields, bad.encode(), body=body) for bad in F09})


async def test_f09_hop_by_hop_and_our_own_fields_never_go_out(attacker: Any, origin: Any) -> None:
    fields = ["Connection: close, X-Foo", "X-Foo: bar", "Keep-Alive: timeout=5", "TE: trailers",
              "Proxy-Connection: keep-alive", "Proxy-Foo: bar", "Wharfinger-Reason: because",
              "Wharfinger-Foo: bar", "HTTP2-Settings: AAMAAABkAAQAAP__", "X-Unknown: 1",
              f"Proxy-Authorization: {attacker.proxy.proxy_auth()}"]  # fmt: skip
    raw = get(key(attacker.proxy), *(field.encode() for field in fields))
    assert (await attacker.inside(raw)).startswith(b"HTTP/1.1 200")
    (seen,) = origin.requests
    assert {name.lower() for name, _ in seen.headers} == {"host", "authorization"}
    assert attacker.proxy.token() not in str(seen)


async def test_h22_upgrades_are_refused(attacker: Any) -> None:
    field = key(attacker.proxy)
    vectors = {
        name: get(field, b"Connection: Upgrade", b"Upgrade: " + name.encode())
        for name in ("websocket", "foo", "TLS/1.0", "HTTP/2.0", "h2c, websocket")
    }
    await attacker.all_refused(vectors, statuses=(400, 403))
