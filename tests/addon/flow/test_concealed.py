"""Links and codes that people decide by: no agent receives one, and none is sent by one."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest

LINK = "wl_TAGofTHISinstallation"
WHOLE = f"https://wharf.example.com/approve/{LINK}AAECAwQFBgcICQ-_x"
CODE = "1234-5678"
TEXTS = {LINK: "approval link", CODE: "approval code"}


@pytest.fixture
async def hiding(proxy: Any) -> Any:
    await proxy.runtime.live.secrets.conceal(TEXTS)
    return proxy


FORMS = {
    "plain": lambda text: text.encode(),
    "in JSON": lambda text: json.dumps({"body": f"<a href='{text}'>"}).encode(),
    "percent-encoded": lambda text: quote(text, safe="").encode(),
    "base64": lambda text: base64.b64encode(f"see {text} here".encode()),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(f"see it: {text}".encode()),
}


@pytest.mark.parametrize("text", [WHOLE, f"Your code: {CODE}"])
@pytest.mark.parametrize("form", FORMS)
async def test_an_agent_that_reads_a_mailbox_gets_neither(
    hiding: Any, origin: Any, reply: Any, form: str, text: str
):
    sent = FORMS[form](text)
    origin.answer = lambda seen: reply(200, sent)
    answered = await hiding.request("GET", "/items/1")
    assert answered.status == 200
    assert sent not in answered.body
    assert LINK.encode() not in answered.body
    assert CODE.encode() not in answered.body
    assert b"[redacted:approval" in answered.body


async def test_other_numbers_and_links_pass(hiding: Any, origin: Any, reply: Any):
    body = (
        b'{"a": 12345678, "b": "1234-5679", "c": 0.12345678, "d": "https://wharf.example.com/approve/wl_x"}'
    )
    origin.answer = lambda seen: reply(200, body)
    assert (await hiding.request("GET", "/items/1")).body == body


@pytest.mark.parametrize("text", [LINK, WHOLE, CODE, f"approve with {CODE} please"])
@pytest.mark.parametrize("form", FORMS)
async def test_in_a_request_they_are_misuse(hiding: Any, origin: Any, form: str, text: str):
    """In the body, whatever the spelling; nothing is sent, and the book says what it was."""
    body = json.dumps({"name": FORMS[form](text).decode()}).encode()
    headers = [("Content-Type", "application/json")]
    refused = await hiding.request("POST", "/items", headers, body)
    assert (refused.status, refused.code) == (403, "misuse")
    assert CODE.encode() not in refused.body
    assert LINK.encode() not in refused.body
    assert origin.requests == []
    (event,) = [e for e in await hiding.events(refused.decision) if e["kind"] == "denied"]
    assert "people decide by" in event["reason"]


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        (f"/items/{LINK}", []),
        ("/items/1", [("X-Note", CODE)]),
        (f"/items/{quote(CODE, safe='')}?q={CODE}", []),
    ],
)
async def test_in_the_head_too(hiding: Any, origin: Any, target: str, headers: list[tuple[str, str]]):
    refused = await hiding.request("GET", target, headers)
    assert (refused.status, refused.code) == (403, "misuse")
    assert origin.requests == []


async def test_what_is_no_longer_in_use_is_not_looked_for(hiding: Any, origin: Any):
    """A code is an ordinary number again once its link has ended; a link's mark stays one."""
    await hiding.runtime.live.secrets.conceal({LINK: "approval link"})
    body = json.dumps({"name": CODE}).encode()
    headers = [("Content-Type", "application/json")]
    assert (await hiding.request("POST", "/items", headers, body)).status == 200
    assert (await hiding.request("GET", f"/items/{LINK}")).status == 403


async def test_secrets_stay_hidden_beside_them(hiding: Any, origin: Any, reply: Any):
    """And a reload, or another value of a credential, uncovers nothing."""
    origin.answer = lambda seen: reply(200, f"sk_live_Zk3vQ8m1X5b7N2c4R6t9 {CODE}".encode())
    before = await hiding.request("GET", "/items/1")
    hiding.runtime.live.swap(hiding.runtime.live.configuration, hiding.runtime.live.agents)
    after = await hiding.request("GET", "/items/1")
    for answered in (before, after):
        assert b"sk_live" not in answered.body
        assert CODE.encode() not in answered.body
