"""Credentials in path, cookie and body: the upstream gets it, in its place, and nobody else does."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest

SECRET = "sk_live_Zk3vQ8m1X5b7N2c4R6t9"
OTHER_SECRET = "gh_live_Aa1Bb2Cc3Dd4Ee5Ff6Gg"

API = """\
api: placed
base: https://api.example.com
tools:
  - tool: by_path
    description: Key in the path
    effect: write
    run:
      method: POST
      url: "/bot${token}/send"
      body: {text: "${text}"}
      auth: {secret: EXAMPLE_KEY, in: path, name: token}
  - tool: by_cookie
    description: Key in a cookie
    effect: read
    run: {method: GET, url: "/cookie", auth: {secret: EXAMPLE_KEY, in: cookie, name: session}}
  - tool: by_body
    description: Key in the body
    effect: write
    run:
      method: POST
      url: /body
      body: {text: "${text}"}
      auth: {secret: EXAMPLE_KEY, in: body, name: key}
  - tool: by_two
    description: Two keys
    effect: read
    run:
      method: GET
      url: /two
      auth: [{secret: EXAMPLE_KEY, name: X-Key}, {secret: SECOND_KEY, in: cookie, name: app}]
"""
FILES = {
    "tools/placed.yaml": API,
    "credentials.yaml": (
        "credentials:\n"
        '  EXAMPLE_KEY: {from: "file:example.key", hosts: [api.example.com, files.example.com]}\n'
        '  SECOND_KEY: {from: "file:other.key", hosts: [api.example.com]}\n'
        '  OTHER_KEY: {from: "file:other.key", hosts: [other.example.com]}\n'
    ),
    "policies/everyday.yaml": (
        "policy: everyday\ndescription: All places\n"
        "allow: [{tool: by_path}, {tool: by_cookie}, {tool: by_body}, {tool: by_two}]\n"
    ),
}
JSON = ("Content-Type", "application/json")
FORM = ("Content-Type", "application/x-www-form-urlencoded")


@pytest.fixture
async def placed(start: Any) -> Any:
    async with start(FILES) as proxy:
        yield proxy


async def test_in_the_path(placed: Any, origin: Any) -> None:
    tunnel = await placed.connect()
    key = placed.placeholder()
    answered = await tunnel.request("POST", f"/bot{key}/send?", [JSON], b'{"text":"a"}', key=False)
    assert answered.status == 200, answered.body
    (sent,) = origin.requests
    assert sent.target == f"/bot{SECRET}/send?"
    assert sent.body == b'{"text":"a"}'
    await no_secret(placed, answered)


async def test_in_a_cookie(placed: Any, origin: Any) -> None:
    tunnel = await placed.connect()
    cookie = ("Cookie", f"session={placed.placeholder()}")
    answered = await tunnel.request("GET", "/cookie", [cookie], key=False)
    assert answered.status == 200, answered.body
    (sent,) = origin.requests
    assert [v for n, v in sent.headers if n.lower() == "cookie"] == [f"session={SECRET}"]
    await no_secret(placed, answered)


@pytest.mark.parametrize("kind", ["json", "form"])
async def test_in_the_body(placed: Any, origin: Any, kind: str) -> None:
    tunnel = await placed.connect()
    key = placed.placeholder()
    if kind == "json":
        field, body = JSON, f'{{ "text": "a", "key": "{key}" }}'.encode()
    else:
        field, body = FORM, f"text=a&key={key}".encode()
    answered = await tunnel.request("POST", "/body", [field], body, key=False)
    assert answered.status == 200, answered.body
    (sent,) = origin.requests
    assert sent.body == body.replace(key.encode(), SECRET.encode())
    read = json.loads(sent.body) if kind == "json" else dict(parse_qsl(sent.body.decode()))
    assert read == {"text": "a", "key": SECRET}
    lengths = [v for n, v in sent.headers if n.lower() == "content-length"]
    assert lengths == [str(len(sent.body))]
    await no_secret(placed, answered)


async def test_two_keys_of_two_credentials(placed: Any, origin: Any) -> None:
    tunnel = await placed.connect()
    fields = [("X-Key", placed.placeholder()), ("Cookie", f"app={placed.placeholder('SECOND_KEY')}")]
    answered = await tunnel.request("GET", "/two", fields, key=False)
    assert answered.status == 200, answered.body
    (sent,) = origin.requests
    got = {n.lower(): v for n, v in sent.headers}
    assert (got["x-key"], got["cookie"]) == (SECRET, f"app={OTHER_SECRET}")
    await no_secret(placed, answered)


async def test_elsewhere_nothing_is_sent(placed: Any, origin: Any) -> None:
    key = placed.placeholder()
    for method, target, fields, body in (
        ("POST", f"/bot{key}/send", [JSON], f'{{"text":"{key}"}}'.encode()),
        ("POST", f"/bot{key}/send?x={key}", [JSON], b'{"text":"a"}'),
        ("GET", "/cookie", [("Cookie", f"session={key}; other={key}")], b""),
        ("POST", "/body", [JSON], f'{{"text":"{key}","key":"{key}"}}'.encode()),
    ):
        tunnel = await placed.connect()
        answered = await tunnel.request(method, target, fields, body, key=False)
        assert answered.status == 403, target
        assert answered.code == "misuse"
    assert not origin.requests


async def no_secret(proxy: Any, answered: Any) -> None:
    shown = repr(answered) + repr(await proxy.events(answered.decision))
    assert SECRET not in shown
    assert OTHER_SECRET not in shown


@pytest.mark.parametrize("value", ["sk_live_one0123456;admin=1", "sk_live_one0123456, admin=1"])
async def test_a_key_that_would_be_two_cookies_is_not_sent(start: Any, origin: Any, value: str) -> None:
    async with start({**FILES, "example.key": f"{value}\n"}) as proxy:
        tunnel = await proxy.connect()
        cookie = ("Cookie", f"session={proxy.placeholder()}")
        answered = await tunnel.request("GET", "/cookie", [cookie], key=False)
        assert answered.status >= 400
        assert origin.requests == []
