"""Fields and findings, as an agent gets them through the proxy: what is asked for, and what comes."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import h11
import pytest
from wharfinger.deciding import echoes

SECRET = "sk_live_Zk3vQ8m1X5b7N2c4R6t9"
API = """\
api: crm
base: https://api.example.com
auth: {secret: EXAMPLE_KEY}
tools:
  - tool: get_customer
    description: Read a customer
    run: {method: GET, url: /customer}
    redact: [$.note, {hash: $.id}, {last4: $.iban}, {drop: $.internal}, {find: email}, {find: card}]
"""
FILES = {
    "tools/crm.yaml": API,
    "policies/everyday.yaml": "policy: everyday\ntools: [get_customer]\nsees: [email]\n",
}
CUSTOMER = {
    "id": "cus_1", "note": "n", "iban": "DE89370400440532013000", "internal": 1,
    "mail": "alice@example.com", "card": "4111 1111 1111 1111",
}  # fmt: skip

ASKING = [("Accept", "text/csv"), ("Accept-Encoding", "xyz, gzip")]


@pytest.fixture
async def crm(start: Any) -> Any:
    async with start(FILES) as proxy:
        yield proxy


def answering(origin: Any, reply: Any, media: str, body: bytes) -> None:
    origin.answer = lambda _seen: reply(200, body, [("Content-Type", media)])


@pytest.mark.parametrize("media", ["application/json", "application/x-ndjson", "text/event-stream"])
async def test_the_agent_gets_what_tool_and_policy_leave(
    crm: Any, origin: Any, reply: Any, media: str
) -> None:
    line = json.dumps(CUSTOMER).encode()
    answering(origin, reply, media, b"data: " + line + b"\n\n" if media == "text/event-stream" else line)
    answered = await crm.request(
        "GET", "/customer", [("Accept", "text/csv"), ("Accept-Encoding", "xyz, gzip")]
    )
    assert answered.status == 200, answered.body
    (sent,) = origin.requests
    asked = {name.lower(): value for name, value in sent.headers}
    assert (asked["accept"], asked["accept-encoding"]) == ("application/json", "gzip")
    got = json.loads(answered.body.removeprefix(b"data: "))
    assert got.pop("id").startswith("[hash:")
    assert got == {
        "note": "[redacted]", "iban": "[redacted]3000",
        "mail": "alice@example.com", "card": "[redacted:card]",
    }  # fmt: skip
    ended = (await crm.events(answered.decision))[-1]
    assert ended["findings"] == {"fields": 4, "card": 1}
    assert "DE8937" not in str(ended)


async def test_what_detectors_find_is_taken_out_of_fields_of_the_head_too(
    crm: Any, origin: Any, reply: Any
) -> None:
    fields = [
        ("Content-Type", "application/json"),
        ("X-Paid-With", "4111 1111 1111 1111, by alice@example.com"),
    ]
    origin.answer = lambda _seen: reply(200, b"{}", fields)
    answered = await crm.request("GET", "/customer")
    assert answered.headers["x-paid-with"] == "[redacted:card], by alice@example.com"
    assert (await crm.events(answered.decision))[-1]["findings"] == {"card": 1}


CSV = b"note,iban\nn,DE89370400440532013000\n"


@pytest.mark.parametrize(
    ("media", "body"),
    [
        ("text/csv", CSV),
        ("application/json", CSV),
        ("application/json", json.dumps(CUSTOMER).encode()[:-1]),
        ("application/json", json.dumps([CUSTOMER] * 3000).encode()),
        ("", CSV),
    ],
    ids=["another type", "not JSON", "JSON cut short", "beyond the limit", "no type"],
)
async def test_what_cannot_be_read_as_declared_is_withheld(
    crm: Any, origin: Any, reply: Any, media: str, body: bytes
) -> None:
    """By 502, whose head waits with the document; nothing of it comes."""
    answering(origin, reply, media, body)
    answered = await crm.request("GET", "/customer")
    assert (answered.status, answered.code) == (502, "upstream")
    assert b"DE8937" not in answered.body
    assert (await crm.settled())[-1]["outcome"] == "withheld"


async def test_a_line_that_cannot_be_read_cuts_off_those_that_could(
    crm: Any, origin: Any, reply: Any
) -> None:
    """A stream has begun before it breaks, so the agent sees that it has not ended."""
    answering(origin, reply, "application/x-ndjson", json.dumps(CUSTOMER).encode() + b"\n" + CSV)
    with pytest.raises(h11.RemoteProtocolError):
        await crm.request("GET", "/customer")
    assert (await crm.settled())[-1]["outcome"] == "withheld"


PASSING = API.replace("    redact:", "    undecodable: pass\n    # redact:")


@pytest.mark.parametrize("coding", ["aws-chunked", "gzip, gzip, gzip, gzip"])
async def test_a_tool_may_let_pass_what_cannot_be_decoded(
    start: Any, origin: Any, reply: Any, coding: str
) -> None:
    """As it came, with its coding named; secrets are still taken out where they stand plain in it."""
    origin.answer = lambda _seen: reply(200, b"4;x\r\n" + SECRET.encode(), [("Content-Encoding", coding)])
    async with start({**FILES, "tools/crm.yaml": PASSING}) as proxy:
        answered = await proxy.request("GET", "/customer")
        assert (answered.status, answered.headers["content-encoding"]) == (200, coding)
        assert answered.body == b"4;x\r\n" + proxy.placeholder().encode()


async def test_what_can_be_decoded_is_even_there(start: Any, origin: Any, reply: Any) -> None:
    packed = gzip.compress(SECRET.encode())
    origin.answer = lambda _seen: reply(200, packed, [("Content-Encoding", "gzip")])
    async with start({**FILES, "tools/crm.yaml": PASSING}) as proxy:
        answered = await proxy.request("GET", "/customer")
        assert "content-encoding" not in answered.headers
        assert answered.body == proxy.placeholder().encode()


async def test_nothing_passes_unread_where_a_policy_wants_fields_taken_out(
    start: Any, origin: Any, reply: Any
) -> None:
    origin.answer = lambda _seen: reply(
        200, b"{}", [("Content-Encoding", "br2"), ("Content-Type", "application/json")]
    )
    policy = 'policy: everyday\ntools: [get_customer]\nredact: [{tool: "*", fields: [$.iban]}]\n'
    files = {"tools/crm.yaml": PASSING, "policies/everyday.yaml": policy}
    async with start(files) as proxy:
        assert (await proxy.request("GET", "/customer")).status == 502


async def test_secrets_that_come_back_too_often_end_it_for_a_while(
    crm: Any, origin: Any, reply: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(echoes, "MOST", 3)
    nested = base64.b64encode(json.dumps({"k": SECRET}).encode().hex().encode()).decode()
    answering(origin, reply, "application/json", json.dumps({"echo": nested}).encode())
    tunnel = await crm.connect()
    for _ in range(3):
        answered = await tunnel.request("GET", "/customer")
        assert answered.status == 200
        assert crm.placeholder() in answered.body.decode()
        await crm.settled()
    answered = await tunnel.request("GET", "/customer")
    assert (answered.status, answered.code) == (403, "denied")
    assert "held secrets" in answered.body.decode()
    assert len(origin.requests) == 3
