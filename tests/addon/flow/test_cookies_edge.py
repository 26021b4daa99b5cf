"""Cookies of an API's sign-in: withheld from agents, or kept by the proxy where the tool has it so."""

from __future__ import annotations

from typing import Any

import pytest

SESSION, OTHER = "session_0123456789abcdef", "session_of_another_one_01"
FILES = {
    "tools/example.yaml": """\
api: example
base: https://api.example.com
auth: {secret: EXAMPLE_KEY}
tools:
  - tool: sign_in
    description: Sign in
    effect: write
    run: {method: POST, url: /login}
    cookies: kept
  - tool: get_item
    description: Read an item
    effect: read
    run: {method: GET, url: "/items/${id}"}
    cookies: kept
  - tool: get_apart
    description: Read an item, with no cookies kept
    effect: read
    run: {method: GET, url: "/apart/${id}"}
""",
    "tools/files.yaml": """\
api: files
base: https://files.example.com
auth: {secret: EXAMPLE_KEY}
cookies: kept
tools:
  - tool: download
    description: Download a file
    effect: read
    run: {method: GET, url: "/download/${name}"}
""",
    "policies/everyday.yaml": (
        "policy: everyday\ndescription: Cookies\ntools: [sign_in, get_item, get_apart, download]\n"
    ),
}


@pytest.fixture
async def signing_in(start: Any) -> Any:
    async with start(FILES) as proxy:
        yield proxy


def sets(reply: Any, *fields: str) -> Any:
    return lambda _: reply(
        headers=[("Content-Type", "application/json"), *(("Set-Cookie", f) for f in fields)]
    )


def sent(origin: Any) -> str | None:
    return {name.lower(): value for name, value in origin.requests[-1].headers}.get("cookie")


async def ask(
    proxy: Any, target: str, method: str = "GET", host: str = "api.example.com", agent: str = "bot"
) -> Any:
    tunnel = await proxy.connect(host, agent=agent)
    fields = [("Authorization", f"Bearer {proxy.placeholder(agent=agent)}")]
    answered = await tunnel.request(method, target, fields, host=host, key=False)
    assert answered.status == 200, answered.body
    assert "set-cookie" not in answered.headers
    return answered


async def test_what_a_sign_in_sets_goes_with_later_calls(signing_in: Any, origin: Any, reply: Any) -> None:
    origin.answer = sets(reply, f"sid={SESSION}; Path=/; Secure; HttpOnly", "theme=dark; Path=/items")
    await ask(signing_in, "/login", "POST")
    assert sent(origin) is None
    origin.answer = lambda _: reply(body=f'{{"echo": "{SESSION}"}}'.encode())
    answered = await ask(signing_in, "/items/1")
    assert set(str(sent(origin)).split("; ")) == {f"sid={SESSION}", "theme=dark"}
    assert SESSION not in answered.body.decode()
    await ask(signing_in, "/apart/1")
    assert sent(origin) is None
    await ask(signing_in, "/download/a", host="files.example.com")
    assert sent(origin) is None
    await ask(signing_in, "/items/1", agent="second")
    assert sent(origin) is None
    assert SESSION not in repr(await signing_in.settled())


async def test_one_replaces_another_or_takes_it_away(signing_in: Any, origin: Any, reply: Any) -> None:
    for field, expected in (
        (f"sid={SESSION}", f"sid={SESSION}"),
        (f"sid={OTHER}", f"sid={OTHER}"),
        ("sid=; Max-Age=0", None),
        (f"sid={SESSION}; Domain=.example.com", f"sid={SESSION}"),
        ("sid=; Domain=.example.com; Expires=Thu, 01 Jan 1970 00:00:00 GMT", None),
        (f"sid={SESSION}; Domain=other.example.com", None),
        (f"sid={SESSION}; Domain=.com", None),
        ("big=" + "x" * 5000, None),
    ):
        origin.answer = sets(reply, field)
        await ask(signing_in, "/login", "POST")
        origin.answer = lambda _: reply()
        await ask(signing_in, "/items/1")
        assert sent(origin) == expected, field


async def test_the_agent_sends_none_of_its_own(signing_in: Any, origin: Any, reply: Any) -> None:
    assert (await signing_in.request("GET", "/items/1", [("Cookie", "sid=mine")])).status == 200
    assert sent(origin) is None
    origin.answer = sets(reply, f"sid={SESSION}")
    await ask(signing_in, "/login", "POST")
    assert (await signing_in.request("GET", "/items/1", [("Cookie", "sid=mine")])).status == 200
    assert sent(origin) == f"sid={SESSION}"


async def test_a_jar_does_not_grow_without_end(signing_in: Any, origin: Any, reply: Any) -> None:
    for part in range(4):
        origin.answer = sets(reply, *(f"c{part}_{i}=v" for i in range(30)))
        await ask(signing_in, "/login", "POST")
    jars = signing_in.runtime.live.secrets.jars._jars
    assert all(len(jar) <= 64 for jar in jars.values())


async def test_they_are_forgotten_with_the_agent(signing_in: Any, origin: Any, reply: Any) -> None:
    origin.answer = sets(reply, f"sid={SESSION}")
    await ask(signing_in, "/login", "POST")
    live = signing_in.runtime.live
    assert len(live.secrets.jars._jars) == 1
    live.retire_agent(live.agents["bot"])
    assert not live.secrets.jars._jars
