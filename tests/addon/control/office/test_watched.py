"""What machines look at: liveness and readiness for anybody, numbers for those with a token."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from wharfinger.control.office.application import application
from wharfinger.metering.families import gauge
from wharfinger.signin.session import Kind

GOOD = {"self_test": True, "book": True, "configuration": True, "listening": True, "not_stopped": True}


async def bearer(house: Any, role: str = "viewer") -> dict[str, str]:
    issued = await house.desk.sessions.add_token("alice", "prometheus", role, timedelta(days=1))
    return {"Authorization": f"Bearer {issued.token}"}


async def test_a_proxy_that_has_all_it_needs_is_ready(house: Any) -> None:
    house.checks = dict(GOOD)
    answer = await house.browser().http.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"ready": True, "checks": {"office": True, "proxy": True, **GOOD}}


@pytest.mark.parametrize("missing", GOOD)
async def test_a_proxy_that_lacks_something_is_alive_and_not_ready(house: Any, missing: str) -> None:
    house.checks = GOOD | {missing: False}
    http = house.browser().http
    answer = await http.get("/readyz")
    assert (answer.status_code, answer.json()["checks"][missing]) == (503, False)
    assert (await http.get("/healthz")).status_code == 200


async def test_without_a_proxy_nothing_is_ready_or_alive(house: Any, tmp_path: Any) -> None:
    house.app = application(tmp_path / "nowhere", house.port)
    http = house.browser().http
    for path in ("/healthz", "/readyz"):
        assert (await http.get(path)).status_code == 503
    answer = await http.get("/metrics", headers=await bearer(house))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")


async def test_a_token_is_shown_the_numbers(house: Any) -> None:
    house.families = [gauge("wharfinger_connections", "Open.", {("bot",): 3}, ("agent",))]
    answer = await house.browser().http.get("/metrics", headers=await bearer(house))
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    (family,) = text_string_to_metric_families(answer.text)
    assert [(sample.labels, sample.value) for sample in family.samples] == [({"agent": "bot"}, 3)]
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wt_none"}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer "}],
    ids=["none", "unknown", "basic", "empty"],
)
async def test_nobody_else_is(house: Any, headers: dict[str, str]) -> None:
    house.families = [gauge("wharfinger_connections", "Open.", {("bot",): 3}, ("agent",))]
    answer = await house.browser().http.get("/metrics", headers=headers)
    assert answer.status_code == 401
    assert "bot" not in answer.text


async def test_a_token_that_was_revoked_is_shown_nothing(house: Any) -> None:
    headers, http = await bearer(house), house.browser().http
    assert (await http.get("/metrics", headers=headers)).status_code == 200
    (session,) = house.desk.sessions.live(Kind.TOKEN, "alice")
    await house.desk.sessions.end(session.id)
    assert (await http.get("/metrics", headers=headers)).status_code == 401
