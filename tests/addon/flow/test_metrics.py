"""What is counted is what happened, and nothing of what an agent sends becomes a label."""

from __future__ import annotations

import asyncio
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from wharfinger.metering.exposition import exposition
from wharfinger.running import measuring

from tests.addon.flow.conftest import SECRET

JSON = [("Content-Type", "application/json")]


async def read(proxy: Any) -> tuple[str, dict[tuple[str, str], float]]:
    """The text, and each value by its name and its labels' values, in the order of the labels' names."""
    await proxy.settled()
    families = await measuring.families(proxy.runtime, self_test=True, reload_refused=False)
    text = exposition(families)[0].decode()
    return text, {
        (sample.name, " ".join(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def rows(found: dict[tuple[str, str], float], family: str) -> dict[str, float]:
    return {labels: value for (name, labels), value in found.items() if name == family}


async def test_decisions_are_counted_by_agent_tool_verdict_and_code(proxy: Any) -> None:
    assert (await proxy.request("GET", "/items/1")).status == 200
    for _ in range(3):
        assert (await proxy.request("DELETE", "/items/1")).status == 403
    tunnel = await proxy.connect(agent="second")
    assert (await tunnel.request("GET", "/nothing/of/that/kind", key=False)).status == 403
    _, found = await read(proxy)
    assert rows(found, "wharfinger_decisions_total") == {
        "bot  get_item allow": 1,
        "bot denied delete_item deny": 3,
        "second denied unmatched deny": 1,
    }
    assert found["wharfinger_outcomes_total", "bot completed"] == 1
    assert found["wharfinger_upstream_responses_total", "2xx"] == 1
    assert found["wharfinger_duration_seconds_count", "decision"] == 5
    assert found["wharfinger_duration_seconds_count", "added"] == 5
    assert found["wharfinger_duration_seconds_count", "upstream"] == 1
    assert found["wharfinger_connections", "second"] == 1
    assert found["wharfinger_book_events_total", ""] == found["wharfinger_book_size", ""]
    assert found["wharfinger_book_write_seconds_count", ""] >= 1


async def test_an_ask_is_counted_as_it_waits_and_as_it_is_answered(proxy: Any) -> None:
    asking = asyncio.get_running_loop().create_task(proxy.request("POST", "/pay", JSON, b'{"amount": 1}'))
    approvals = proxy.runtime.desk.approvals
    while not (pending := await approvals.list()):
        await asyncio.sleep(0.01)
    _, found = await read(proxy)
    assert found["wharfinger_approvals_pending", "bot"] == 1
    await approvals.approve(pending[0].id, "alice")
    assert (await asking).status == 200
    _, found = await read(proxy)
    assert ("wharfinger_approvals_pending", "bot") not in found
    assert rows(found, "wharfinger_approvals_total") == {"ask": 1, "approve": 1, "use": 1}
    assert found["wharfinger_decisions_total", "bot  pay ask"] == 1
    assert found["wharfinger_duration_seconds_count", "hold"] == 1
    hold = found["wharfinger_duration_seconds_sum", "hold"]
    assert found["wharfinger_duration_seconds_sum", "total"] >= hold > 0


async def test_what_never_came_to_a_decision_is_counted_by_its_code(proxy: Any) -> None:
    assert b"407" in await proxy.plain(
        b"CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n\r\n"
    )
    _, found = await read(proxy)
    assert found["wharfinger_refusals_total", " identity"] == 1


async def test_findings_and_failures_are_counted(proxy: Any, origin: Any, reply: Any) -> None:
    origin.answer = lambda _seen: reply(body=b'{"key": "%b"}' % SECRET.encode())
    assert (await proxy.request("GET", "/items/1")).status == 200
    await origin.stop()
    assert (await proxy.request("GET", "/items/1")).status == 502
    _, found = await read(proxy)
    assert found["wharfinger_findings_total", "EXAMPLE_KEY"] == 1
    assert found["wharfinger_outcomes_total", "bot not_sent"] == 1
    assert found["wharfinger_credential_usable", "EXAMPLE_KEY"] == 1


async def test_nothing_that_an_agent_sends_is_a_label(proxy: Any, origin: Any, reply: Any) -> None:
    origin.answer = lambda _seen: reply(body=SECRET.encode())
    canary = "canary4711"
    headers = [("X-Canary", canary), ("User-Agent", canary), ("Wharfinger-Reason", canary), *JSON]
    await proxy.request("GET", f"/items/{canary}?{canary}={canary}", headers)
    await proxy.request("POST", f"/{canary}", headers, f'{{"{canary}": "{canary}"}}'.encode())
    await proxy.request("POST", "/items", headers, f'{{"name": "{canary}"}}'.encode())
    await proxy.plain(f"CONNECT {canary}.example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await proxy.plain(
        f"GET http://{canary}.example.com/ HTTP/1.1\r\nHost: {canary}.example.com\r\n"
        f"Proxy-Authorization: Basic Y2FuYXJ5NDcxMTp4\r\n\r\n".encode()
    )
    text, found = await read(proxy)
    assert sum(rows(found, "wharfinger_decisions_total").values()) == 3
    assert canary not in text
    assert SECRET not in text
    assert proxy.token() not in text


async def test_the_self_tests_own_requests_count_for_nothing(proxy: Any) -> None:
    from wharfinger.running.selftest import SelfTest

    test = SelfTest(proxy.runtime)
    assert await test.examine() == ()
    _, found = await read(proxy)
    assert rows(found, "wharfinger_decisions_total") == {}
