# ruff: noqa: E501, RUF005 -- tables of vectors are read by their rows
# fmt: off
"""P04 to P06 and P08: bodies that can be read in two ways, and bodies that say several things."""

from __future__ import annotations

import base64
import bz2
import gzip
import json
import zlib

import brotli  # type: ignore[import-untyped]
from backports import zstd

from bypassing.vectors import FORM, JSON, Class, Vector, passing, post

PAY, TRANSFER, ATTACH, RPC, GRAPH = "/pay/@TAG@", "/transfer/@TAG@", "/attach/@TAG@", "/rpc/@TAG@", "/graphql/@TAG@"
GOOD = '{"amount":1,"to":"bob"}'
MORE = '{"amount":1,"to":"bob",%s}'

TWICE = (
    '{"amount":1,"to":"bob","amount":9999}', '{"amount":9999,"amount":1,"to":"bob"}', '{"amount":9999,"to":"bob","\\u0061mount":1}',
    '{"\\u0061mount":1,"to":"bob","amount":9999}', '{"amount":1,"to":"bob","to":"eve"}', '{"to":"eve","amount":1,"\\u0074o":"bob"}',
    MORE % '"Amount":9999', MORE % '"AMOUNT":9999', MORE % '"amount ":9999', MORE % '" amount":9999', MORE % '"amount\\u200b":9999',
    MORE % '"amount\\u0000":9999', MORE % '"ａmount":9999', MORE % '"amount[]":9999', MORE % '"amoun\\u0074":9999', MORE % '"TO":"eve"',
    MORE % '"to[]":"eve"', MORE % '"t\\u006f":"eve"', MORE % '"x":1,"x":2', MORE % '"x":{"a":1,"a":2}', MORE % '"to\\ufeff":"eve"',
)
NUMBERS = (
    "NaN", "Infinity", "-Infinity", "1e400", "-1e400", "9223372036854775808", "-9223372036854775809", "1" * 4000, '"1"', "1.5", "true", "null",
    "[1]", '{"a":1}', "01", "+1", "0x1", "1_0", ".5", "1.", "1e", "٣", '""', '" 1"', "101", "1000", "1001", "9999", "1e2000", "1E+400", "false", "-", "0b1", "1e3",
)
DOCUMENTS = (
    "\ufeff" + GOOD, GOOD + "\0", GOOD + GOOD, GOOD + "\n" + '{"amount":9999,"to":"bob"}', '{"amount":1,"to":"bob",}', '{"amount":1,/**/"to":"bob"}', '{"amount":1,"to":"bob"}//x',
    "{'amount':1,'to':'bob'}", "{amount:1,to:\"bob\"}", MORE % '"note":"\\ud800"', MORE % '"note":"\\udc00\\ud800"', MORE % ('"x":' + "[" * 70 + "]" * 70), MORE % ('"x":' + '{"a":' * 70 + "1" + "}" * 70),
    "[" * 20000, "[]", '"x"', "5", "{", "null", "[" + GOOD + "]", "", "{}", '{"amount":1}', '{"to":"bob"}', MORE % '"note":"a\tb"', MORE % '"note":"\\x41"', MORE % '"note":"\x01"', GOOD + "x", "\x0b" + GOOD,
    "\xa0" + GOOD, ")]}'\n" + GOOD, "while(1);" + GOOD, '{"amount":1,"to":"bob"', MORE % ('"x":"' + "a" * 70000 + '"'), MORE % '"__proto__":{"amount":9999},"__proto__":1', '{"pay":' + GOOD + "}", '{"to":"bob","amount":1;"x":1}',
)
TYPES = (
    "text/plain", "text/json", "application/json, text/plain", "application/json;charset=utf-7", "application/json;charset=utf-16", "application/json;charset=ibm037", "application/json;charset=utf-8;charset=utf-7", "application/xml",
    "application/octet-stream", "*/*", "json", "application/jsonp", "application/json/x", "application/ json", "application/json;", "application/json; charset", "application/json charset=utf-8", "image/png", "text/html", "application/x-yaml", "application/x-www-form-urlencoded",
    "multipart/form-data", "multipart/form-data; boundary=", "application/json; charset=\"utf-7\"", "application/json\\", "application/javascript", "application/msgpack", "application/json;charset=utf-8\x0b", "application/json;charset=us-ascii;x=\"", "application/json; boundary=x; charset=latin1",
)


def multipart(*parts: tuple[str, str], boundary: str = "xYz", end: str = "--") -> str:
    """A multipart body; each part is its head and its content."""
    made = "".join(f"--{boundary}\r\n{head}\r\n\r\n{content}\r\n" for head, content in parts)
    return f"{made}--{boundary}{end}\r\n"


def _name(name: str) -> str:
    return f'Content-Disposition: form-data; name="{name}"'


KIND = "Content-Type: multipart/form-data; boundary=xYz"
TITLE = (_name("title"), "t")
BOB, EVE = (_name("to"), "bob"), (_name("to"), "eve")
FORMS = (
    multipart(BOB, TITLE, EVE), multipart(EVE, BOB, TITLE), multipart(EVE, TITLE), multipart(TITLE), multipart(BOB, TITLE, (_name("TO"), "eve")), multipart(BOB, TITLE, (_name("to[]"), "eve")),
    multipart(BOB, TITLE, ('Content-Disposition: form-data; name="to"; filename="x"', "eve")), multipart(BOB, TITLE, ('Content-Disposition: form-data; name=to', "eve")), multipart(BOB, TITLE, ("Content-Disposition: form-data; name*=utf-8''to", "eve")),
    multipart(('Content-Disposition: form-data; name="to"; name="x"', "eve"), BOB, TITLE), multipart(('Content-Disposition: form-data; name="x"; name="to"', "eve"), BOB, TITLE), multipart(BOB, TITLE, (_name("to") + "\r\nContent-Transfer-Encoding: base64", "ZXZl")),
    multipart(("Content-Disposition: form-data; name=\"to\"\r\nContent-Type: text/plain; charset=utf-7", "bob"), TITLE), multipart(BOB, TITLE, end=""), multipart(BOB, TITLE).replace("\r\n", "\n"), "preamble\r\n" + multipart(BOB, TITLE) + multipart(EVE, TITLE),
    multipart(BOB, TITLE) + multipart(EVE), multipart(BOB, ("Content-Type: multipart/mixed; boundary=in\r\n" + _name("files"), multipart(EVE, boundary="in")), TITLE), multipart((_name("to\r\n"), "eve"), BOB, TITLE), multipart((_name("_charset_"), "utf-7"), BOB, TITLE),
    multipart(("content-disposition: FORM-DATA; NAME=\"to\"", "eve"), BOB, TITLE), multipart(("Content-Disposition: attachment; name=\"to\"", "eve"), BOB, TITLE), multipart(("Content-Disposition: form-data; name=\"to", "eve"), BOB, TITLE), multipart(("X: y", "eve"), BOB, TITLE),
    multipart((_name("t\\o"), "eve"), BOB, TITLE), multipart((_name('to\\"'), "eve"), BOB, TITLE), multipart(BOB, TITLE, boundary="other"), "--xYz\r\n" + multipart(BOB, TITLE), multipart(BOB, TITLE).replace("--xYz\r\n", "--xYz \t\r\n", 1) + "--xYz\r\n" + EVE[0] + "\r\n\r\neve\r\n--xYz--\r\n",
    multipart((_name("to"), "bob\r\n--xYz\r\n" + EVE[0] + "\r\n\r\neve"), TITLE), multipart(("Content-Disposition: form-data;\r\n name=\"to\"", "eve"), BOB, TITLE), multipart((_name("t%6f"), "eve"), BOB, TITLE), multipart((_name("to "), "eve"), BOB, TITLE),
)


def rpc(*methods: str, **more: object) -> str:
    """A JSON-RPC call, or a batch of them."""
    made = [{"jsonrpc": "2.0", "id": n, "method": method, "params": {"id": "1"}, **more} for n, method in enumerate(methods)]
    return json.dumps(made if len(made) > 1 else made[0])


def graphql(query: str, **more: object) -> str:
    """A GraphQL request."""
    return json.dumps({"query": query, **more})


DROP = 'deleteIssue(id: "1") { id }'
OPERATIONS = (
    graphql(f"mutation {{ {DROP} }}"), graphql(f"{{ viewer {{ id }} }} mutation M {{ {DROP} }}", operationName="M"), graphql(f"query Q {{ viewer {{ id }} }} mutation M {{ {DROP} }}", operationName="M"),
    graphql(f"query Q {{ viewer {{ id }} }} mutation M {{ {DROP} }}"), graphql(f"mutation {{ viewer: {DROP} }}"),
    graphql(f"fragment F on Mutation {{ {DROP} }} mutation {{ ...F }}"), graphql(f"mutation {{ ... on Mutation {{ {DROP} }} }}"), graphql(f"mutation {{ ... {{ {DROP} }} }}"), graphql(f"mutation M @skip(if: false) {{ {DROP} }}"),
    graphql("{ viewer { id } secrets { id } }"), graphql("{ viewer: secrets { id } }"), graphql("{ viewer { id }"), graphql("{ viewer { id } }", extensions={"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}), graphql("", extensions={"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}),
    graphql("subscription { viewer { id } }"), graphql("{ __schema { types { name } } viewer { id } }"), graphql("query Q($a: Boolean!) { viewer @include(if: $a) { id } secrets @skip(if: $a) { id } }", variables={"a": True}), "[" + graphql("{ viewer { id } }") + "," + graphql(f"mutation {{ {DROP} }}") + "]",
    graphql("{ viewer { id } } # \r mutation { x }").replace("# ", "#") + " ", '{"query":"{ viewer { id } }","query":"mutation { deleteIssue(id: 1) { id } }"}', '{"query":["{ viewer { id } }"]}', '{"Query":"mutation { x }"}', "{}", "[]", graphql("{ viewer { id } }", id="x"), graphql("{ viewer { id } }", documentId="x"),
    graphql("{ viewer { id } } " * 2), graphql("{ ...F } fragment F on Query { ...F }"), graphql("{ \u202e viewer { id } }"), graphql("{ viewer(id: \"\"\"x\"\"\") { id } }", operationName="nope"),
    graphql("{ a: viewer { id } b: secrets { id } }"), graphql("mutation{deleteIssue(id:1){id}}", operationName=None), graphql("{ viewer { id } }", query2="mutation { x }", operationName="M"),
)
CALLS = (
    rpc("get", "drop"), rpc("drop"), rpc("drop", "get"), rpc("get", "get", "drop"), rpc("get", "unknown"), rpc("unknown"), rpc("GET"), rpc("get "), rpc("get\u0000"), rpc("get", jsonrpc="1.0"), rpc("get", extra=1), rpc("rpc.get"),
    "[]", "{}", "[[" + rpc("get") + "]]", '{"jsonrpc":"2.0","id":1,"method":"get","method":"drop","params":{"id":"1"}}', '{"jsonrpc":"2.0","id":1,"method":"get","\\u006dethod":"drop","params":{"id":"1"}}', '{"jsonrpc":"2.0","id":1,"Method":"drop","method":"get","params":{"id":"1"}}',
    '{"jsonrpc":"2.0","id":1,"method":["get"],"params":{"id":"1"}}', '{"jsonrpc":"2.0","id":1,"method":"get","params":{"id":"1","ID":"2"}}', '{"jsonrpc":"2.0","id":1,"method":"get","params":["1","2"]}', '{"jsonrpc":"2.0","id":1,"method":"get"}', rpc("get") + rpc("drop"), rpc("get") + "\n" + rpc("drop"), rpc("get")[:-1] + ',"params":{"id":"2"}}',
    '{"id":1,"method":"drop","params":{"id":"1"}}', '[' + rpc("get") + ',null]', '[' + rpc("get") + ',1]', '[' + rpc("get") + ',' + rpc("drop") + ',]',
)
CODINGS = {
    "gzip": gzip.compress, "br": brotli.compress, "zstd": zstd.compress, "deflate": zlib.compress, "bz2": bz2.compress, "base64": base64.b64encode,
    "hex": lambda data: data.hex().encode(), "gzip, gzip": lambda data: gzip.compress(gzip.compress(data)), "identity, gzip": gzip.compress, "zlib": zlib.compress, "rot13": bytes, "uu": bytes, "x": bytes, "utf-7": bytes, "unicode_escape": bytes, "idna": bytes, "GZIP": gzip.compress, "x-gzip": gzip.compress, "aws-chunked": bytes, "raw_unicode_escape": bytes, "quopri": bytes, "punycode": bytes,
}


def classes() -> tuple[Class, ...]:
    """The classes of this module."""
    eve = '{"amount":9999,"to":"eve"}'
    return (
        Class(
            "P04 JSON with two readings",
            tuple(post(PAY, body.encode()) for body in (*TWICE, *DOCUMENTS)) + tuple(post(PAY, b'{"amount":%s,"to":"bob"}' % number.encode()) for number in NUMBERS)
            + tuple(post(PAY, GOOD.encode(code)) for code in ("utf-16", "utf-32", "utf-16-le", "utf-16-be", "utf-7") if code != "utf-7")
            + tuple(post(PAY, MORE.encode() % b'"note":"%b"' % bad) for bad in (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x80"))
            + tuple(post("/items", body) for body in ('{"name":"@TAG@","name":"b"}', '{"name":1,"note":"@TAG@"}', '{"name":"@TAG@","other":1}', '{"name":["@TAG@"]}', '{"note":"@TAG@"}', '["@TAG@"]', '{"name":"@TAG@","Name":"b"}')),
            passing(
                post(PAY, body.encode())
                for body in (
                    GOOD, '{"to":"bob","amount":100}', ' {"amount" : 0,"to":"bob"} ', '\n{"amount":1,\t"to":"bob"}\r\n', '{"\\u0061mount":1,"to":"bob"}', '{"amount":1,"to":"\\u0062ob"}', MORE % '"note":"\\u00e9\\ud83d\\ude00"', MORE % '"note":"é😀"', MORE % '"note":null', MORE % '"note":""',
                    MORE % '"note":"amount"', MORE % '"amounts":5', MORE % '"to_whom":"x"', MORE % '"list":[1,2,3]', MORE % '"x":{"amount":9999}', MORE % '"x":1.5e3', MORE % '"x":-0.0', MORE % '"x":9223372036854775807', MORE % '"x":true', MORE % '"x":"\\"amount\\":9999"', '{"amount":-1,"to":"bob"}', '{"amount":-0,"to":"bob"}',
                    MORE % '"x":"</script>"', MORE % '"x":"\\/"', MORE % '"x":"a\\nb"', MORE % '"x":[[[[[[]]]]]]', MORE % '"x":"{}"', MORE % '"x":"NaN"', MORE % ('"x":"' + "a" * 1500 + '"'),
                )
            ),
        ),
        Class(
            "P05 media types",
            tuple(post(PAY, GOOD, f"Content-Type: {kind}") for kind in TYPES)
            + (post(PAY, GOOD, JSON, JSON), post(PAY, GOOD, JSON, "Content-Type: text/plain"), post(PAY, GOOD, "X: y", "content-type:"))
            + tuple(post(PAY, body, kind) for body, kind in (("amount=1&to=bob", JSON), ("amount=9999&to=bob", FORM), ("amount=1&to=bob&amount=9999", FORM), (eve, FORM)))
            + tuple(
                post(TRANSFER, body, FORM)
                for body in (
                    "amount=1&to=bob&amount=9999", "amount=9999&to=bob&amount=1", "amount=1&to=bob&amount%5B%5D=9999", "amount=1&to=bob&amount[]=9999", "amount=1;to=bob", "amount=1&to=bob;amount=9999", "amount=1&to=bob&AMOUNT=9999", "amount=9999&to=bob", "amount=1&to=eve", "amount=1&to=bob&to=eve", "amount=1&to=bob&t%6f=eve",
                    "?amount=1&to=bob", "amount=1&to=bob&%61mount=2", "amount=1&to=bob&_charset_=utf-7", "amount=1%00&to=bob", "amount=+1&to=bob", "amount=%2B1&to=bob", "amount=1e0&to=bob", "amount=0x1&to=bob", "amount=1.0&to=bob", "amount= 1&to=bob", "amount=1%20&to=bob", "amount=01&to=bob", "amount=&to=bob", "amount&to=bob", "to=bob",
                    "amount=1&to=bob%zz", "amount=1&to=bob&=x", "amount=1&to=bob\r\n", "amount=1&to=bob&amount.x=9", "amount=1&to=bob&to%20=eve", "amount=1&to=bob&x=1", "amount[a]=1&to=bob", "amount=1&to[]=bob", eve,
                )
            )
            + tuple(post(ATTACH, body, KIND) for body in FORMS)
            + tuple(post(ATTACH, multipart(BOB, TITLE), f"Content-Type: multipart/form-data{rest}") for rest in ("", "; boundary=", "; boundary=xY", "; boundary=xYz; boundary=other", '; boundary="xYz', "; Boundary=" + "x" * 200, "; boundary=xYz, application/json", "; boundary=x Yz", "; boundary*=xYz"))
            + (post(ATTACH, '{"to":"eve","title":"t"}'), post(ATTACH, "to=eve&title=t", FORM), post(ATTACH, multipart(BOB, TITLE), "Content-Type: multipart/mixed; boundary=xYz"), post(ATTACH, multipart(BOB, TITLE), KIND, KIND)),
            passing(post(PAY, GOOD, f"Content-Type: {kind}") for kind in ("application/json", "Application/JSON", "application/json; charset=UTF-8", "application/json;charset=utf-8", 'application/json; charset="utf-8"'))
            + passing(post(TRANSFER, body, FORM) for body in ("amount=1&to=bob", "to=bob&amount=100", "amount=-5&to=bob", "%61mount=1&to=bob", "amount=1&to=b%6Fb", "amount=%31&to=bob", "amount=0&to=bob"))
            + passing([post(TRANSFER, "amount=1&to=bob", "Content-Type: application/x-www-form-urlencoded; charset=UTF-8")])
            + passing(
                post(ATTACH, body, KIND)
                for body in (multipart(BOB, TITLE), multipart(TITLE, BOB), multipart(BOB, (_name("title"), "")), multipart(BOB, (_name("title"), "to=eve")), multipart(BOB, (_name("title"), 'name="to"')), multipart(BOB, (_name("title"), "--xY")), multipart(BOB, (_name("title"), "a\r\nb")), multipart((_name("to") + "\r\nContent-Type: text/plain; charset=utf-8", "bob"), TITLE))
            )
            + passing(post(ATTACH, multipart(BOB, TITLE, boundary=b), f"Content-Type: multipart/form-data; boundary={q}{b}{q}") for b, q in (("----WebKitFormBoundary7MA4", ""), ("x", '"'), ("a.b-c_d", ""), ("0123456789" * 6, ""))),
        ),
        Class(
            "P06 codings of requests",
            tuple(Vector((_coded(path, coding, pack, body),)) for coding, pack in CODINGS.items() for path, body in ((PAY, GOOD), (PAY, eve))) + tuple(Vector((_coded("/items", coding, pack, '{"name":"@TAG@"}'),)) for coding, pack in CODINGS.items() if pack is bytes)
            + (post(PAY, gzip.compress(eve.encode())), post(PAY, GOOD, "Content-Encoding: identity", "Content-Encoding: gzip"), post(PAY, GOOD, "Content-Encoding:"), post(PAY, GOOD, "Content-Encoding : gzip", fresh=True), post(PAY, GOOD, "content_encoding: gzip", silent=False)),
            passing([post(PAY, GOOD, "Content-Encoding: identity"), post(PAY, GOOD, "Content-Encoding: Identity"), post(PAY, GOOD, "Accept-Encoding: gzip, br, zstd"), post(PAY, GOOD, "Content-Language: en")]),
        ),
        Class(
            "P08 several operations",
            tuple(post(GRAPH, body.encode()) for body in OPERATIONS) + tuple(post(RPC, body.encode()) for body in CALLS)
            + tuple(Vector(post(f"{GRAPH}?query={query}", body).sends) for query in ("mutation%7BdeleteIssue(id:1)%7Bid%7D%7D", "%7Bsecrets%7Bid%7D%7D") for body in (graphql("{ viewer { id } }"), "{}")),
            passing(
                post(GRAPH, body.encode())
                for body in (graphql("{ viewer { id } }"), graphql("query Q { me: viewer { id } }"), graphql("query { viewer { id login } }", variables={}), graphql("query Q { viewer { id } }", operationName="Q"), graphql("{ viewer { ...F } } fragment F on User { id }"), graphql("{ viewer { id } } # mutation"), graphql("query Q { ... on Query { viewer { id } } }"), graphql("{viewer{id}}"), graphql("{\n  viewer {\n id }\n}", operationName=None), graphql("{ a: viewer { id } b: viewer { id } }"), graphql(f"query Q {{ viewer {{ id }} }} mutation M {{ {DROP} }}", operationName="Q"))
            )
            + passing(post(RPC, body) for body in (rpc("get"), rpc("get", "get"), rpc("get", "get", "get"), '{"params":{"id":"1"},"method":"get","id":"x","jsonrpc":"2.0"}', '{"jsonrpc":"2.0","method":"get","params":{"id":"drop"},"id":1}')),
        ),
    )


def _coded(path: str, coding: str, pack: object, body: str) -> bytes:
    packed = pack(body.encode())  # type: ignore[operator]
    (made,) = post(path, packed, JSON, f"Content-Encoding: {coding}").sends
    return made
