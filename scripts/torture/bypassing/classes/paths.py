# ruff: noqa: E501 -- tables of vectors are read by their rows
# fmt: off
"""P01 to P03, P07, P09 and P10: from path, query and method to a tool."""

from __future__ import annotations

from bypassing.vectors import KEY, Class, Vector, get, passing, plain, post, raw, request, to
from bypassing.world import API, OPEN, PLAIN

ITEM = "/items/@TAG@"
DOTS = (
    "..", ".", "%2e%2e", "%2E%2E", ".%2e", "%2e.", "%252e%252e", "%25252e%25252e", "..;", "..;x=y", "%2e%2e;",
    "..%3b", "..%00", "..%20", "..%09", "%2e", "..%5c", "..\\", "..%2f", "..%252f", "..%c0%af", "%c0%ae%c0%ae",
    "%u002e%u002e", "..%ef%bc%8f", "....//", "..%0d", "..%0a", "..;a", ".;", "%2e;x",
)
ODD = (
    "//items/@TAG@", "/items//@TAG@", "///items/@TAG@", "/items/@TAG@/", "/Items/@TAG@", "/ITEMS/@TAG@",
    "/items/@TAG@%00", "/items/@TAG@%0a", "/items/@TAG@%0d%0aX:%20y", "/items/@TAG@\\x", "/items/@TAG@%5cx",
    "/items/@TAG@;jsessionid=1", "/items;x/@TAG@", "/items/@TAG@%2f2", "/items/@TAG@%2F2", "/items/@TAG@%252f2",
    "/items/%c0%af@TAG@", "/items/@TAG@\xe9", "/items/@TAG@#x", "/items/@TAG@%", "/items/@TAG@%z1", "/items/@TAG@%2",
    "items/@TAG@", "/items%2f@TAG@", "/items%2F@TAG@", "%2fitems/@TAG@", "/%2fitems/@TAG@", "/items/@TAG@/x",
    "/items/@TAG@\x01", "/items/@TAG@\x7f", "/items/@TAG@%7f", "/items/@TAG@%1f", "/items/@TAG@/..", "/items/.@TAG@/../x",
    "/it%65ms;/@TAG@", "/items/@TAG@%3b/..", "/items/%2e/@TAG@", "/items/@TAG@%ff", "/items/@TAG@%80",
    "/items/@TAG@%ed%a0%80", "/items/@TAG@%25%32%66x", "/items/" + "a" * 9000 + "@TAG@", "/items/@TAG@?" + "a" * 9000,
    "/items/@TAG@ /x", "/admin/wipe/@TAG@", "/admin/../items/@TAG@", "/files/private/@TAG@", "/files/@TAG@", "/@TAG@",
    "/files/publicx/@TAG@", "/files/Public/@TAG@", "/files/%20public/@TAG@", "/files/public%2f@TAG@", "/search/@TAG@",
)
METHOD_FIELDS = (
    "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-Method", "X-Method",
    "X-HTTP-Verb", "X-Forwarded-Method", "x_http_method_override", "X_HTTP_METHOD", "X-Http_Method-Override",
)
PATH_FIELDS = (
    "X-Original-URL", "X-Rewrite-URL", "X-Override-URL", "X-Original-URI", "X-Original-Path", "X-Forwarded-Path",
    "X-Forwarded-Uri", "X-Forwarded-Prefix", "X_Original_URL", "X-Envoy-Original-Path",
)
HOST_FIELDS = (
    "X-Forwarded-Host", "Forwarded", "X-Host", "X-Original-Host", "X-Forwarded-Server", "X-Backend-Host",
    "X-Base-Url", "X-HTTP-Host-Override", "X_Forwarded_Host", "X-Forwarded-Proto", "X-Forwarded-Port",
)
IDENTITY_FIELDS = (
    "Impersonate-User", "Sudo", "X-Sudo", "X-Remote-User", "X-On-Behalf-Of", "Stripe-Account",
    "OpenAI-Organization", "X-Impersonate-User", "Impersonate-Uid", "X-Forwarded-User", "Impersonate-Extra-scopes",
)
METHODS = (
    "get", "Get", "gET", "GET:", "G=:", "GETT", "PROPFIND", "MKCOL", "MOVE", "LOCK", "PURGE", "SEARCH", "QUERY",
    "LINK", "BREW", "DEBUG", "TRACE", "TRACK", "CONNECT", "delete", "DELETE", "PUT", "PATCH", "POST", "OPTIONS",
    "\tGET", "GET\x0b", "GÉT", "G\0ET", "-", "GET/1.1", "{GET}", "M-SEARCH", "X" * 64, "UPDATE",
)


def classes() -> tuple[Class, ...]:
    """The classes of this module."""
    return (
        Class(
            "P01 dot segments",
            tuple(get(target.replace("*", dots)) for dots in DOTS for target in ("/files/public/*/secret/@TAG@", "/items/@TAG@/*", "/files/public/x/*/*/@TAG@"))
            + tuple(get("/items/" + dots + "/admin/wipe/@TAG@") for dots in DOTS)
            + tuple(plain(f"http://{PLAIN}/open/{dots}/items/@TAG@") for dots in DOTS)
            + tuple(to(OPEN, f"/open/{dots}/@TAG@") for dots in DOTS[:20]),
            passing(
                get(f"/files/public/{path}")
                for path in ("a/b/@TAG@", "..a/@TAG@", "a../@TAG@", "a..b/@TAG@", ".well-known/@TAG@", "@TAG@.tar.gz", "a.b.c/@TAG@", "...x/@TAG@", "x.../@TAG@", "v1..v2/@TAG@", "~/@TAG@", "-/@TAG@", "@TAG@.")
            )
            + passing(get(f"/items/{name}") for name in ("@TAG@..x", ".@TAG@", "a.@TAG@", "@TAG@.json")),
        ),
        Class(
            "P02 slashes and escapes",
            tuple(get(target) for target in ODD) + tuple(plain(f"http://{PLAIN}{target.replace('items', 'open', 1)}") for target in ODD if target.startswith("/items") and not target.endswith(("/", "/x", "%2f2", "%2F2")) and "a" * 99 not in target)
            + tuple(to(OPEN, f"/open{path}") for path in ("/closed/@TAG@", "/closed%2F@TAG@", "/closed%2f@TAG@", "%2Fclosed%2F@TAG@", "%2fclosed/@TAG@", "/%63losed%2F@TAG@", "/closed%2Fa%2F@TAG@", "/closed%5C@TAG@", "/closed%252F@TAG@", "/x%2F..%2Fclosed/@TAG@")),
            passing(
                get(f"/items/{name}")
                for name in (
                    "@TAG@", "%76@TAG@", "a%20b@TAG@", "%C3%A9@TAG@", "@TAG@.json", "@TAG@~2", "@TAG@%21", "@TAG@!", "@TAG@'x", "@TAG@(1)", "@TAG@*", "@TAG@+b", "@TAG@,b",
                    "@TAG@=b", "@TAG@:b", "@TAG@@b", "@TAG@$", "@TAG@&b", "@TAG@%26b", "@TAG@%2Bb", "@TAG@%3Fb", "@TAG@%23b", "@TAG@%25", "@TAG@%E2%82%AC", "%e4%bd%a0@TAG@", "@TAG@_-.", '@TAG@"', "@TAG@<b>", "@TAG@^", "@TAG@|x", "@TAG@{x}", "@TAG@`", "AC%EF%BC%8FDC@TAG@", "@TAG@%E2%80%A6",
                )
            )
            + passing(get(target) for target in ("/items?tag=@TAG@", "/items/@TAG@?", "/items/@TAG@?a=b"))
            + passing(plain(f"http://{PLAIN}/open/{name}") for name in ("@TAG@%20x", "%C3%A9@TAG@", "@TAG@/a/b/c/d"))
            + passing(to(OPEN, f"/open/{name}") for name in ("@scope%2F@TAG@", "@scope%2f@TAG@", "group%2Fsub%2F@TAG@", "closed@TAG@%2Fa")),
        ),
        Class(
            "P03 query pollution",
            tuple(
                get(f"/search?{query}&tag=@TAG@")
                for query in (
                    "q=a&q=b", "q=a&page=1&page=2", "q=a&page=1&Page=2", "q=a&q=a", "q=a;q=b", "q=a&Q=b", "q=a&q[]=b", "q=a&q%5B%5D=b", "q=a&q[0]=b", "q=a&limit=1&limit=2", "q=a%zz", "q=a&=b", "q=a%00", "q=a&l%69mit=1&limit=2", "q=a&%EF%BD%91=b",
                    "q=a&%71=b", "q=a&q%00=b", "q=a&q%20=b", "q=a& q=b", "q=a&_method=DELETE", "q=a&access_token=x", "q=a&api_key=x", "q=a&X-HTTP-Method-Override=DELETE", "q=a&limit=1e1", "q=a&limit=0x1", "q=a&limit=+1",
                    "q=a&limit=%2B1", "q=a&limit=1.0", "q=a&limit=", "q=a&limit=01", "q=a&limit=٣", "q=a&limit=1_0", "q=a&limit= 1", "limit=1", "q[]=a", "q[x]=a", "q=a&q_=b&q=c", "q=a&token=x",
                    "q=a&Q%00=b", "q=a&%51=b", "q=a\x00", "q=a&q=b%26", "q=a%E0%80", "q=a&limit[]=1&limit=2", "q=a&sig=x", "q=a&key=x", "q=a&authorization=x", "q=a&client_secret=x", "q=a&\u200bq=b".encode().decode("latin-1"),
                )
            )
            + tuple(get("/search?q=a&tag=@TAG@&" + "&".join(f"p{n}=1" for n in range(count))) for count in (1001, 2000, 900))
            + tuple(get(f"{ITEM}?{query}") for query in ("_method=DELETE", "_METHOD=delete", "_method[]=DELETE", "%5fmethod=DELETE", "x-http-method-override=DELETE", "access_token=1", "_method%20=DELETE", "a=1;b=2", "key=1", "_httpmethod=PUT"))
            + tuple(to(OPEN, f"/open/@TAG@?{query}") for query in ("_method=DELETE", "x=%zz", "=x", "a=%00", "X-Http-Method=PUT")),
            passing(
                get(f"/search?{query}&tag=@TAG@")
                for query in (
                    "q=a", "q=a+b", "%71=a", "q=a&page=2", "q=a&limit=5", "limit=5&q=a", "q=a%20b", "q=a%26b", "q=a%3Db", "q=%C3%A9", "q=a%3Bb", "q=", "q=a&sort[by]=name", "q=a&ids[]=1&ids[]=2",
                    "q=a&flag", "q=a%2Bb", "q=1", "q=a%2Fb", "q=a/b", "q=a:b", "q=a@b", "q=a?b", "q=a!b", "q=(a)", "q='a'", "q=a,b", "q=%22a%22", "q=a&method=DELETE", "q=a&per_page=100",
                    "q=a&limit=-1", "q=a%0Ab", "q=repo%3Ax%2Fy", "q=a&filter[name]=x", "q=a&limit=9007199254740993", "q=..", "q=../x", "q=//x", "q=%252e",
                )
            )
            + passing(get(f"{ITEM}?{query}") for query in ("a=1", "fields=a,b", "expand[]=x", "since=2026-01-01T00:00:00Z", "tz=%2B01:00"))
            + passing(to(OPEN, f"/open/@TAG@?{query}") for query in ("a=1&b=2", "a=1&a=2", "u=a@b.c", "x")),
        ),
        Class(
            "P07 overrides",
            tuple(get(ITEM, f"{name}: {value}") for name in METHOD_FIELDS for value in ("DELETE", "delete", "GET, DELETE"))
            + tuple(get(ITEM, f"{name}: {value}") for name in PATH_FIELDS for value in ("/admin/wipe/1", "/items/1"))
            + tuple(get(ITEM, f"{name}: {value}") for name in HOST_FIELDS for value in ("evil.example", "host=evil.example"))
            + tuple(get(ITEM, f"{name}: root") for name in IDENTITY_FIELDS)
            + tuple(to(OPEN, "/open/@TAG@", f"{name}: DELETE") for name in METHOD_FIELDS)
            + tuple(get(ITEM, method=method, fresh=True) for method in METHODS)
            + tuple(post("/pay/@TAG@", body) for body in ('{"amount":1,"to":"bob","_method":"DELETE"}', '{"amount":1,"to":"bob","_METHOD":"DELETE"}', '{"amount":1,"to":"bob","x-http-method-override":"DELETE"}')),
            passing(
                get(ITEM, field)
                for field in ("X-Requested-With: XMLHttpRequest", "X-Correlation-Id: 1", "Accept: */*", "If-None-Match: W/\"1\"", "Accept-Language: de", "Cache-Control: no-cache", "Traceparent: 00-1-1-01", "X-Stainless-Lang: python", "Origin: https://x.example", "Referer: https://x.example/", "X-Custom: DELETE", "DNT: 1", "Sec-Fetch-Mode: cors", "Priority: u=1", "X-Api-Version: 2")
            )
            + passing(get(f"{ITEM}?{query}") for query in ("method=DELETE", "verb=DELETE", "m=_method"))
            + passing([post("/pay/@TAG@", '{"amount":1,"to":"bob","method":"card"}'), get("/reflect/none/@TAG@", method="HEAD")]),
        ),
        Class(
            "P09 pipelined",
            tuple(
                raw(request("GET", "/items/@OK@", KEY) + request(method, target, *fields, body=body))
                for method, target, fields, body in (
                    ("DELETE", ITEM, (KEY,), ""), ("POST", "/admin/wipe/@TAG@", (KEY,), ""), ("GET", "/files/private/@TAG@", (KEY,), ""), ("GET", ITEM, (), ""), ("GET", ITEM, ("Authorization: Bearer own",), ""),
                    ("GET", ITEM, (KEY, "X-Original-URL: /x"), ""), ("TRACE", ITEM, (KEY,), ""), ("GET", "/files/public/../@TAG@", (KEY,), ""), ("CONNECT", f"{API}:443", (), ""), ("GET", ITEM, (KEY, "X-Trace: @API@"), ""),
                )
            )
            + tuple(
                raw(b"POST /pay/@OK@ HTTP/1.1\r\nHost: api.example.com\r\n%b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (KEY.encode(), 25 + more) + b'{"amount":1,"to":"bob"}  ' + request("DELETE", ITEM, KEY))
                for more in (0, -2)
            )
            + tuple(raw(request("GET", "/items/@OK@", KEY) * count + request("DELETE", ITEM, KEY)) for count in (2, 3, 8)),
            passing(raw(request("GET", "/items/@OK@", KEY) * count + request("GET", ITEM, KEY), answers=count + 1) for count in (1, 2, 5))
            + passing([raw(request("POST", "/pay/@OK@", KEY, "Content-Type: application/json", "Content-Length: 23", body='{"amount":1,"to":"bob"}', length=False) + request("GET", ITEM, KEY), answers=2)]),
        ),
        Class(
            "P10 no tool, or another",
            tuple(get(target, method=method) for target in ("/@TAG@", "/nowhere/@TAG@", "/items/@TAG@/x/y", "/v1/items/@TAG@", "/admin/@TAG@", "/pay/@TAG@", "/rpc/@TAG@", "/graphql/@TAG@", "/transfer/@TAG@", "/attach/@TAG@", "/search/x?q=@TAG@", "/open/@TAG@") for method in ("GET", "POST"))
            + tuple(get(ITEM, method=method) for method in ("PUT", "PATCH", "POST", "OPTIONS", "HEAD", "DELETE"))
            + tuple(to(OPEN, path, method=method) for path in ("/open/@TAG@", "/@TAG@", "/opens/@TAG@", "/items/@TAG@") for method in ("POST", "DELETE", "HEAD"))
            + tuple(to(host, "/items/@TAG@", KEY) for host in ("other.example.com", "query.example.com", "files.example.com", "cdn.example.com"))
            + tuple(get("/files/" + path) for path in ("@TAG@/public/", "private/public/@TAG@", "PUBLIC/@TAG@", "public?t=@TAG@", "public@TAG@", "%70rivate/@TAG@")),
            passing([get("/files/public/@TAG@"), get("/files/%70ublic/@TAG@"), get("/items/@TAG@"), get("/items/search@TAG@"), get("/files/public/items/@TAG@"), to(OPEN, "/open/items/@TAG@"), post("/items", '{"name":"@TAG@"}')]),
        ),
    )


__all__ = ["Vector", "classes"]
