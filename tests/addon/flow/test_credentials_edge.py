"""A placeholder is a key to one lock, and a secret is seen by nobody: each place, spelling and way out."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

SECRET = "sk_live_Zk3vQ8m1X5b7N2c4R6t9"
OTHER_SECRET = "gh_live_Aa1Bb2Cc3Dd4Ee5Ff6Gg"

OTHER_API = """\
api: other
base: https://other.example.com
auth: {secret: OTHER_KEY, in: header, name: X-Api-Key}
tools:
  - tool: get_other
    description: Read another thing
    effect: read
    run: {method: GET, url: "/things/${id}"}
"""
BASIC_API = """\
api: basic
base: https://api.example.com
auth: {secret: EXAMPLE_KEY, in: basic, format: "user:${secret}"}
tools:
  - tool: get_basic
    description: Read with Basic credentials
    effect: read
    run: {method: GET, url: "/basic/${id}"}
"""
FREE_API = """\
api: free
base: https://other.example.com
auth: own
tools:
  - tool: get_free
    description: Read without a key
    effect: read
    run: {method: GET, url: "/free/${id}"}
"""
QUERY_API = """\
api: queried
base: https://api.example.com
auth: {secret: EXAMPLE_KEY, in: query, name: key}
tools:
  - tool: get_queried
    description: Read with the key in the query
    effect: read
    run: {method: GET, url: "/queried/${id}"}
"""
POLICY = """\
policy: everyday
description: Every place of a credential
allow:
  - tool: get_item
  - tool: create_item
  - tool: upload
  - tool: get_other
  - tool: get_basic
  - tool: get_queried
  - tool: unmatched
    hosts: [plain.example.com]
"""
FILES = {
    "tools/other.yaml": OTHER_API,
    "tools/basic.yaml": BASIC_API,
    "tools/queried.yaml": QUERY_API,
    "policies/everyday.yaml": POLICY,
}


@pytest.fixture
async def keyed(start: Any) -> Any:
    async with start(FILES) as proxy:
        yield proxy


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def misused(proxy: Any, answered: Any, origins: list[Any]) -> str | None:
    """Why the answer is not a refusal of a misused placeholder, if it is not."""
    if answered.status not in {400, 403}:
        return f"{answered.status} {answered.body[:200]!r}"
    if any(origin.connections for origin in origins):
        return "an origin was spoken to"
    events = await proxy.events(answered.decision)
    return None if [event["kind"] for event in events] == ["denied"] else f"book: {events}"


PLACES: dict[str, Callable[[str], dict[str, Any]]] = {
    "path": lambda p: {"target": f"/items/{p}"},
    "path, part of a segment": lambda p: {"target": f"/items/x{p}y"},
    "path, encoded": lambda p: {"target": "/items/" + "".join(f"%{ord(c):02x}" for c in p)},
    "query": lambda p: {"target": f"/items/1?note={p}"},
    "query name": lambda p: {"target": f"/items/1?{p}=1"},
    "query, encoded": lambda p: {"target": f"/items/1?note={quote(p, safe='').replace('_', '%5f')}"},
    "user-agent": lambda p: {"headers": [("User-Agent", f"x/{p}")]},
    "origin": lambda p: {"headers": [("Origin", f"https://{p}")]},
    "referer": lambda p: {"headers": [("Referer", f"https://x/{p}")]},
    "x-request-id": lambda p: {"headers": [("X-Request-Id", p)]},
    "x-forwarded-for": lambda p: {"headers": [("X-Forwarded-For", p)]},
    "cookie": lambda p: {"headers": [("Cookie", f"a={p}")]},
    "field name": lambda p: {"headers": [(p, "1")]},
    "dropped field": lambda p: {"headers": [("X-Unknown", p)]},
    "reason": lambda p: {"headers": [("Wharfinger-Reason", p)]},
    "accept": lambda p: {"headers": [("Accept", p)]},
    "idempotency key": lambda p: {"headers": [("Idempotency-Key", p)]},
    "base64 in a field": lambda p: {"headers": [("X-Request-Id", b64(p))]},
    "base64 with a name": lambda p: {"headers": [("X-Request-Id", b64(f"user:{p}"))]},
    "twice in its place": lambda p: {"headers": [("Authorization", f"Bearer {p}{p}")], "key": False},
    "glued before": lambda p: {"headers": [("Authorization", f"Bearer x{p}")], "key": False},
    "glued after": lambda p: {"headers": [("Authorization", f"Bearer {p}x")], "key": False},
    "upper case": lambda p: {"headers": [("Authorization", f"Bearer {p.upper()}")], "key": False},
    "another scheme": lambda p: {"headers": [("Authorization", f"Digest {p}")], "key": False},
    "another field": lambda p: {"headers": [("X-Api-Key", p)], "key": False},
    "two fields": lambda p: {"headers": [("X-Api-Key", p)]},
    "percent-encoded": lambda p: {
        "headers": [("Authorization", f"Bearer {p.replace('_', '%5f')}")], "key": False
    },
    "json body": lambda p: {"method": "POST", "target": "/items", "json": {"name": p}},
    "json body, escaped": lambda p: {
        "method": "POST", "target": "/items",
        "body": b'{"name": "' + "".join(f"\\u{ord(c):04x}" for c in p).encode() + b'"}',
    },
    "json body, in base64": lambda p: {"method": "POST", "target": "/items", "json": {"name": b64(p)}},
    "json body, a name": lambda p: {"method": "POST", "target": "/items", "json": {"name": "x", p: 1}},
    "body that is not json": lambda p: {"method": "POST", "target": "/items", "body": b"{" + p.encode()},
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
async def test_s02_s03_a_placeholder_anywhere_but_its_place(
    keyed: Any, origin: Any, plain_origin: Any, caplog: Any, place: str
) -> None:
    with caplog.at_level(logging.DEBUG):
        wrong = {}
        for agent in ("bot", "second"):
            placeholder = keyed.placeholder(agent=agent)
            asked = PLACES[place](placeholder)
            body = asked.get("body", json.dumps(asked["json"]).encode() if "json" in asked else b"")
            fields = list(asked.get("headers", ()))
            if body:
                fields.append(("Content-Type", "application/json"))
            answered = await keyed.request(
                asked.get("method", "GET"),
                asked.get("target", "/items/1"),
                fields,
                body,
                key=asked.get("key", True),
            )
            problem = await misused(keyed, answered, [origin, plain_origin])
            if problem is None and placeholder.encode() in answered.body:
                problem = "the refusal quotes it"
            if problem is not None:
                wrong[agent] = problem
    assert wrong == {}
    assert SECRET not in caplog.text


async def test_s01_a_placeholder_for_another_host_scheme_or_port(
    keyed: Any, origin: Any, plain_origin: Any
) -> None:
    example, other = keyed.placeholder(), keyed.placeholder("OTHER_KEY")
    wrong = {}

    async def note(name: str, answered: Any) -> None:
        if (problem := await misused(keyed, answered, [origin, plain_origin])) is not None:
            wrong[name] = problem

    tunnel = await keyed.connect("other.example.com")
    fields = [("X-Api-Key", example)]
    await note(
        "other host", await tunnel.request("GET", "/things/1", fields, host="other.example.com", key=False)
    )
    tunnel = await keyed.connect("other.example.com")
    fields = [("X-Api-Key", other), ("Authorization", f"Bearer {example}")]
    await note("both", await tunnel.request("GET", "/things/1", fields, host="other.example.com", key=False))
    await note(
        "other's", await keyed.request("GET", "/items/1", [("Authorization", f"Bearer {other}")], key=False)
    )
    tunnel = await keyed.connect("evil.example")
    await note("unknown host", await tunnel.request("GET", "/items/1", host="evil.example"))
    tunnel = await keyed.connect(port=8443)
    await note("other port", await tunnel.request("GET", "/items/1", host="api.example.com:8443"))
    auth = f"Proxy-Authorization: {keyed.proxy_auth()}\r\nAuthorization: Bearer {example}\r\n\r\n"
    for host in ("plain.example.com", "api.example.com"):
        back = await keyed.plain(
            f"GET http://{host}/items/1 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{auth}".encode()
        )
        if not back.startswith(b"HTTP/1.1 403 "):
            wrong[f"in clear to {host}"] = repr(back[:100])
    assert wrong == {}
    assert (origin.bytes_received, plain_origin.bytes_received) == (0, 0)


OWN = {
    "authorization": {"headers": [("Authorization", "Bearer sk_attacker_0123456789")]},
    "basic": {"headers": [("Authorization", "Basic " + b64("me:mine"))]},
    "scheme without a value": {"headers": [("Authorization", "Bearer ")]},
    "x-api-key": {"headers": [("X-Api-Key", "attacker-0123456789")]},
    "cookie": {"headers": [("Cookie", "session=attacker")]},
    "cookies in two fields": {"headers": [("Cookie", "a=1"), ("Cookie", "session=attacker")]},
    "user-info": {"target": "https://me:attacker@api.example.com/items/1"},
    "user-info, the name alone": {"target": "https://attacker@api.example.com/items/1"},
    "presigned": {
        "target": "/items/1?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=attacker%2F20260101%2Fx%2Fy"
        "%2Faws4_request&X-Amz-Date=20260101T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=aa"
    },
    "session token": {"headers": [("X-Amz-Security-Token", "attacker-0123456789")]},
    "query access_token": {"target": "/items/1?access_token=attacker-0123456789"},
    "query api_key": {"target": "/items/1?api_key=attacker-0123456789"},
    "sigv4": {"headers": [("Authorization", "AWS4-HMAC-SHA256 Credential=A/20260101/x/y/aws4_request")]},
}


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside the placeholder"])
async def test_s06_a_credential_of_the_agents_own_is_never_sent_to_a_host_with_ours(
    keyed: Any, origin: Any, name: str, beside: bool
) -> None:
    asked: dict[str, Any] = OWN[name]
    answered = await keyed.request(
        "GET", asked.get("target", "/items/1"), asked.get("headers", ()), key=beside
    )
    if answered.status == 200:  # dropped, as any field that is in no base set
        (seen,) = origin.requests
        assert "attacker" not in str(seen)
        assert seen.header("authorization") == f"Bearer {SECRET}"
        assert name == "scheme without a value"
        assert beside
    else:
        assert answered.status in {400, 403}
        assert origin.connections == 0


async def test_positive_control_each_place_gets_the_real_value_once(keyed: Any, origin: Any) -> None:
    placeholder = keyed.placeholder()
    basic = "Basic " + b64(f"user:{placeholder}")
    assert (await keyed.request("GET", "/items/1")).status == 200
    assert (await keyed.request("GET", "/basic/1", [("Authorization", basic)], key=False)).status == 200
    assert (await keyed.request("GET", f"/queried/1?key={placeholder}", key=False)).status == 200
    tunnel = await keyed.connect("other.example.com")
    fields = [("X-Api-Key", keyed.placeholder("OTHER_KEY"))]
    assert (
        await tunnel.request("GET", "/things/1", fields, host="other.example.com", key=False)
    ).status == 200
    assert [str(seen).count(SECRET) + str(seen).count(OTHER_SECRET) for seen in origin.requests] == [
        1,
        0,
        1,
        1,
    ]
    assert origin.requests[1].header("authorization") == "Basic " + b64(f"user:{SECRET}")
    assert origin.requests[2].target == f"/queried/1?key={SECRET}"
    assert all(placeholder not in str(seen) for seen in origin.requests)


WAYS = {
    "header": ("GET", "/items/1", True),
    "query": ("GET", "/queried/1?key={placeholder}", False),
}


@pytest.mark.parametrize("way", WAYS)
async def test_invariant_4_the_secret_is_in_no_flow_log_or_file(
    start: Any, origin: Any, caplog: Any, way: str
) -> None:
    """Every flow, at every hook, is searched; so is every log line and every file of the runtime."""
    seen: list[str] = []

    def observe(hook: Any) -> None:
        seen.extend(
            repr(argument.get_state()) if hasattr(argument, "get_state") else repr(argument)
            for argument in hook.args()
        )

    method, target, key = WAYS[way]
    with caplog.at_level(logging.DEBUG):
        async with start(FILES, observers=[observe]) as proxy:
            target = target.format(placeholder=proxy.placeholder())
            answered = await proxy.request(method, target, key=key)
            assert answered.status == 200
            await origin.stop()
            failed = await proxy.request(method, target, key=key)
            assert failed.status == 502
            await proxy.settled()
            files = [path for path in proxy.runtime.desk.data.root.rglob("*") if path.is_file()]
            assert not [path for path in files if SECRET.encode() in path.read_bytes()]
    assert seen
    assert not [text for text in seen if SECRET in text]
    assert SECRET not in caplog.text
    assert SECRET in str(origin.requests)


@pytest.mark.parametrize("cut", [1, 10, 27])
async def test_s03_a_placeholder_split_across_writes_chunks_and_the_end_of_an_upload(
    keyed: Any, origin: Any, cut: int
) -> None:
    placeholder = keyed.placeholder().encode()
    for tail in (b"", b"more" * 10_000):
        tunnel = await keyed.connect("files.example.com")
        head = keyed.raw("PUT", "/upload/f", [("Transfer-Encoding", "chunked")], host="files.example.com")
        tunnel.writer.write(head)
        for part in (b"x" * 5000, placeholder[:cut], placeholder[cut:], tail):
            if part:
                tunnel.writer.write(b"%x\r\n%s\r\n" % (len(part), part))
                await asyncio.sleep(0.01)
        tunnel.writer.write(b"0\r\n\r\n")
        answered = await asyncio.wait_for(tunnel.receive(), 3)
        assert (answered.status, answered.code) == (403, "misuse")
    await asyncio.sleep(0.05)
    assert origin.requests == []


async def test_the_agents_token_goes_nowhere(keyed: Any, origin: Any, plain_origin: Any) -> None:
    token = keyed.token()
    fields = [("Proxy-Authorization", keyed.proxy_auth()), ("Proxy-Connection", "keep-alive")]
    assert (await keyed.request("GET", "/items/1", fields)).status == 200
    auth = f"Proxy-Authorization: {keyed.proxy_auth()}\r\n"
    await keyed.plain(
        f"GET http://plain.example.com/ HTTP/1.1\r\nHost: plain.example.com\r\n{auth}\r\n".encode(), read=True
    )
    for text in (str(origin.requests), str(plain_origin.requests)):
        assert text != "[]"
        assert token not in text
        assert b64(f"bot:{token}") not in text


async def test_two_agents_never_share_an_upstream_connection(keyed: Any, origin: Any) -> None:
    for agent in ("bot", "second", "bot"):
        tunnel = await keyed.connect(agent=agent)
        fields = [("Authorization", f"Bearer {keyed.placeholder(agent=agent)}")]
        for number in range(2):
            assert (await tunnel.request("GET", f"/items/{number}", fields, key=False)).status == 200
    assert [seen.connection for seen in origin.requests] == [1, 1, 2, 2, 3, 3]


async def test_another_credential_set_has_a_connection_of_its_own(start: Any, origin: Any) -> None:
    """Two tools on one host: a request without our key does not ride on the connection of one with it."""
    policy = POLICY.replace("  - tool: get_other\n", "  - tool: get_other\n  - tool: get_free\n")
    async with start({**FILES, "tools/free.yaml": FREE_API, "policies/everyday.yaml": policy}) as proxy:
        tunnel = await proxy.connect("other.example.com")
        key = [("X-Api-Key", proxy.placeholder("OTHER_KEY"))]
        for target, fields in (("/things/1", key), ("/free/1", ()), ("/things/2", key)):
            answered = await tunnel.request("GET", target, fields, host="other.example.com", key=False)
            assert answered.status == 200, (target, answered.body)
        assert [seen.connection for seen in origin.requests] == [1, 2, 1]
        assert OTHER_SECRET not in str(origin.requests[1])
