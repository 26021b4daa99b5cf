"""The JSON API: the same rules as the pages, for programs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from wharfinger.audit import events
from wharfinger.audit.event import Who
from wharfinger.authoring import explaining
from wharfinger.control.office.api import PREFIX
from wharfinger.control.office.calls import CALLS
from wharfinger.rules.requests.placeholders import Placeholders


class Machine:
    def __init__(self, house, token: str | None) -> None:
        self.http = house.browser().http
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def get(self, path: str, **query: str):
        return await self.http.get(PREFIX + path, params=query, headers=self.headers)

    async def post(self, path: str, body: object = None, **headers: str):
        return await self.http.post(PREFIX + path, json=body or {}, headers=self.headers | headers)


async def machine(house, person: str, role: str = "admin") -> Machine:
    issued = await house.desk.sessions.add_token(person, "test", role, timedelta(days=1))
    return Machine(house, issued.token)


def filled(path: str) -> str:
    return path.replace("{id}", "a_x").replace("{agent}", "bot").replace("{reference}", "d_x")


async def test_a_machine_reads_with_its_token(house) -> None:
    client = await machine(house, "vera", "viewer")
    me = (await client.get("/me")).json()
    assert (me["person"], me["role"], me["kind"]) == ("vera", "viewer", "token")
    assert (await client.get("/status")).json()["running"] is True
    assert [agent["name"] for agent in (await client.get("/agents")).json()] == ["bot"]
    assert (await client.get("/approvals")).json() == []


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.method} {call.path}")
@pytest.mark.parametrize("token", [None, "", "wt_" + "A" * 43, "ws_x"])
async def test_nothing_is_there_without_a_token(house, call, token) -> None:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    if call.changes:
        headers["Origin"] = house.url
    answer = await house.browser().http.request(call.method, PREFIX + filled(call.path), headers=headers)
    assert answer.status_code in {400, 401}
    if answer.status_code == 400:  # what it lacks is told before who asks is known, and nothing else
        assert "is missing" in answer.json()["error"]["message"]
    assert house.stopped == []


@pytest.mark.parametrize("call", [call for call in CALLS if call.role == "admin"], ids=lambda call: call.path)
@pytest.mark.parametrize(("person", "role"), [("vera", "viewer"), ("bob", "approver"), ("alice", "approver")])
async def test_a_role_that_does_not_suffice(house, call, person, role) -> None:
    client = await machine(house, person, role)
    answer = await client.post(filled(call.path), {"reason": "x"} if "resume" not in call.path else {})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")
    assert house.stopped == []


async def test_an_agent_is_suspended_and_resumed(house) -> None:
    client = await machine(house, "alice")
    assert (await client.post("/agents/bot/suspend", {"reason": "odd"})).json()["suspended"] == "odd"
    assert (await client.get("/agents/bot")).json()["status"] == "suspended"
    assert (await client.post("/agents/bot/resume")).json()["status"] == "active"
    assert (await client.get("/agents/nobody")).status_code == 409


async def test_a_page_uses_it_with_its_cookie_and_the_secret_of_its_forms(house) -> None:
    browser = await house.signed_in("alice")
    path = f"{PREFIX}/agents/bot/suspend"
    assert (await browser.http.get(f"{PREFIX}/me")).json()["person"] == "alice"
    for headers in ({}, {"Origin": browser.origin}, {"Origin": browser.origin, "X-CSRF-Token": "0" * 64}):
        answer = await browser.http.post(path, json={}, headers=headers)
        assert answer.status_code == 403
    good = {"Origin": browser.origin, "X-CSRF-Token": browser.csrf}
    assert (await browser.http.post(path, json={}, headers=good)).status_code == 200


@pytest.mark.parametrize(
    ("path", "query", "message"),
    [
        ("/approvals", {"state": "maybe"}, '"state" is not one of'),
        ("/approvals", {"x": "1"}, '"x" is not a field'),
        ("/audit", {"limit": "-1"}, '"limit" is not a whole number'),
        ("/audit", {"before": "1e3"}, '"before" is not a whole number'),
        ("/audit", {"kind": "x", "verdict": "y"}, '"verdict" is not one of'),
    ],
)
async def test_what_is_wrong_is_named(house, path, query, message) -> None:
    client = await machine(house, "alice")
    answer = await client.get(path, **query)
    assert answer.status_code == 400
    assert message in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "body",
    [b'{"reason": "x", "reason": "y"}', b'{"reason": 1}', b'{"other": "x"}', b"[]", b"{", b'{"reason": NaN}'],
)
async def test_a_body_is_strict_json(house, body) -> None:
    client = await machine(house, "alice")
    answer = await client.http.post(
        f"{PREFIX}/stop", content=body, headers=client.headers | {"Content-Type": "application/json"}
    )
    assert answer.status_code == 400
    other = await client.http.post(
        f"{PREFIX}/stop", content=b'{"reason": "x"}', headers=client.headers | {"Content-Type": "text/plain"}
    )
    assert other.status_code == 400
    assert house.stopped == []


async def test_the_kill_switch(house) -> None:
    client = await machine(house, "alice")
    assert (await client.post("/stop", {"reason": "fire"})).json() == {"stopping": True}
    assert house.stopped == ["alice: fire"]


async def test_what_the_office_works_out_is_told_to_programs_too(house) -> None:
    client = await machine(house, "vera", "viewer")
    (way,) = (await client.get("/graph", agent="b*", effect="write")).json()
    assert (way["tool"], way["verdict"], way["rules"]) == ("pay", "ask", ["policies/main.yaml:2"])
    assert (await client.get("/graph", tool="x*")).json() == []
    found = (await client.get("/agents/bot/preflight")).json()
    assert found["verdict"] == "not ready"  # nobody who is asked has a key
    assert any("none of whom has a key" in one["text"] for one in found["findings"])
    body = '{"amount": 5, "to": "Ann", "note": "x"}'
    asked = {"method": "POST", "url": "https://api.example.com/pay", "body": body}
    told = (await client.post("/agents/bot/explain", asked)).json()
    assert (told["verdict"], told["rules"]) == ("ask", ["policies/main.yaml:2"])
    assert told["assumed"]
    assert (await client.post("/agents/bot/explain", asked | {"url": "nonsense"})).status_code == 400
    for path in ("/agents/nobody/preflight", "/agents/nobody/explain"):
        answer = await (client.get(path) if "preflight" in path else client.post(path, asked))
        assert answer.status_code == 404


async def test_the_audit_log_is_searched_and_one_life_told(house) -> None:
    client = await machine(house, "alice")
    await client.post("/agents/bot/suspend", {"reason": "a word to find"})
    async for found in until(client, q="word find"):
        (event,) = found["events"]
        assert (event["kind"], event["action"], event["person"]) == ("control", "agents.suspend", "alice")
        assert event["detail"]["by"].startswith("t_")
        life = (await client.get(f"/audit/{event['seq']}")).json()
        assert [each["seq"] for each in life["events"]] == [event["seq"]]
    assert (await client.get("/audit", q="not there")).json()["events"] == []


async def until(client, **query):
    """The answer, once the office has read what was just written."""
    import asyncio

    for _ in range(100):
        found = (await client.get("/audit", **query)).json()
        if found["events"]:
            yield found
            return
        await asyncio.sleep(0.05)
    raise AssertionError("never there")


async def test_the_document_describes_every_call(house) -> None:
    described = (await house.browser().http.get(f"{PREFIX}/openapi.json")).json()
    assert described["openapi"] == "3.1.0"
    there = {(method.upper(), path) for path, methods in described["paths"].items() for method in methods}
    assert there == {(call.method, PREFIX + call.path) for call in CALLS} | {("GET", f"{PREFIX}/events")}
    names = [each["operationId"] for methods in described["paths"].values() for each in methods.values()]
    assert len(set(names)) == len(names)
    for call in CALLS:
        operation = described["paths"][PREFIX + call.path][call.method.lower()]
        in_path = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"}
        assert in_path == {part[1:-1] for part in call.path.split("/") if part.startswith("{")}


async def test_every_route_is_described(house) -> None:
    """Also those that are no call of the table: nothing is offered that the document does not name."""
    described = (await house.browser().http.get(f"{PREFIX}/openapi.json")).json()["paths"]
    offered = {route.path for route in house.app.routes if getattr(route, "path", "").startswith(PREFIX)}
    assert offered - {f"{PREFIX}/openapi.json", f"{PREFIX}/{{rest:path}}"} == described.keys()


async def test_the_stream_is_described_as_it_is(house) -> None:
    described = (await house.browser().http.get(f"{PREFIX}/openapi.json")).json()
    stream = described["paths"][f"{PREFIX}/events"]["get"]
    assert [*stream["responses"]["200"]["content"]] == ["text/event-stream"]
    client = await machine(house, "vera", "viewer")
    for each in stream["parameters"]:
        where = {"params": {each["name"]: "x"}} if each["in"] == "query" else {}
        headers = {each["name"]: "x"} if each["in"] == "header" else {}
        answer = await client.http.get(f"{PREFIX}/events", headers=client.headers | headers, **where)
        assert (answer.status_code, each["name"] in answer.json()["error"]["message"]) == (400, True)
    assert "400" in stream["responses"]


PAY = b'{"amount": 5, "to": "Ann", "note": "x"}'


async def held(house, name: str = "d_1", **other) -> None:
    """Write a decision to the log, as the gate does."""
    request = explaining.request_of("bot", "POST", "https://api.example.com/pay", body=PAY)
    decision = explaining.offline(house.overlaid._configuration, request, Placeholders({}), datetime.now(UTC))
    event = events.held(name, Who("bot"), request, replace(decision, **other), approval=f"a_{name}")
    await house.desk.book.write(event)


async def test_every_step_to_a_recorded_decision_is_told(house) -> None:
    client = await machine(house, "vera", "viewer")
    asked = {"method": "POST", "url": "https://api.example.com/pay", "body": PAY.decode()}
    explained = (await client.post("/agents/bot/explain", asked)).json()
    await held(house)
    async for _ in until(client, q="d_1"):
        told = (await client.get("/audit/d_1/steps")).json()
        assert told["steps"] == explained["steps"]
        assert "the same verdict" in told["note"]
        assert (await client.get("/audit/a_d_1/steps")).json() == told
        assert (await client.get("/audit/d_2/steps")).status_code == 404


async def test_the_steps_are_of_the_configuration_that_decided(house) -> None:
    """The office knows those that it has had; of one that it has not, nothing is told."""
    client = await machine(house, "vera", "viewer")
    await held(house)
    async for _ in until(client, q="d_1"):
        before = (await client.get("/audit/d_1/steps")).json()
        await house.reload(policies__main="policy: main\ndeny: [{tool: pay}]\n")
        assert (await client.get("/audit/d_1/steps")).json() == before
    await held(house, "d_2", policy_digest="f" * 64)
    async for _ in until(client, q="d_2"):
        told = (await client.get("/audit/d_2/steps")).json()
        assert (told["steps"], f"{'f' * 16}, which is not in force" in told["note"]) == ([], True)


async def test_what_is_not_there_is_told_in_json(house) -> None:
    client = await machine(house, "alice")
    answer = await client.get("/nothing")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown")
