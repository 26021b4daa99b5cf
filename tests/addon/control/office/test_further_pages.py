"""The pages on agents, tools, policies, graph, preflight and playground: what they show, and to whom."""

from __future__ import annotations

import asyncio
import html
import json
import re

import pytest
from wharfinger.audit import events
from wharfinger.audit.event import Who
from wharfinger.control.office.pages import graph
from wharfinger.control.office.pages.agents import CONFIRMED
from wharfinger.keeping import agents
from wharfinger.rules import cases
from wharfinger.rules.policies.reach import ways
from wharfinger.rules.types import Call, Code, Decision, Effect, Request, RuleRef, Verdict

PAGES = [
    "/agents", "/agents/bot", "/tools", "/tools?state=available", "/tools?state=proposed", "/tools/pay",
    "/tools/available/stripe", "/policies", "/policies/main", "/source/policies/main.yaml",
    "/changes?from=a&to=b", "/graph", "/graph?agent=bot", "/graph/mermaid", "/graph/json", "/preflight",
    "/preflight/bot", "/playground", "/playground?tool=pay&agent=bot", "/playground?file=policies/main.yaml",
    "/parts/agents", "/parts/tools", "/parts/graph",
]  # fmt: skip
HOSTILE = "<script>alert(1)</script>\u202eevil'\"{{7*7}}"
POLICY = """\
policy: main
allow:
  - tool: pay
    when: {max_amount: 50}
ask:
  - tool: pay
    when: input.amount > 50
    approvers: [finance]
limits:
  - {tool: pay, calls: 20/hour}
tests:
  - {agent: bot, call: pay, input: {amount: 5, to: Ann, note: x}, expect: allow}
  - {agent: bot, call: pay, input: {amount: 51, to: Ann, note: x}, expect: allow}
"""
PROPOSED = f"""\
api: things
base: https://api.example.com
approved: false
tools:
  - tool: pay
    description: {json.dumps("Pay " + HOSTILE.replace(chr(0x202E), ""))}
    input: {{amount: integer, to: string, note: string}}
    run: {{method: POST, url: /pay, body: {{amount: "${{amount}}", to: "${{to}}", note: "${{note}}"}}}}
"""


async def part(browser, **form: str) -> str:
    """What the playground says of a form."""
    answer = await browser.post("/parts/playground", form)
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


async def seen(browser, path: str, word: str) -> str:
    """The page, once the office has read of the book what it is to show."""
    for _ in range(100):
        text = (await browser.get(path)).text
        if word in text:
            return text
        await asyncio.sleep(0.05)
    raise AssertionError(f"{path} never showed {word!r}: {text}")


@pytest.mark.parametrize("person", ["alice", "vera"])
@pytest.mark.parametrize("path", PAGES)
async def test_every_page_is_there_for_every_role(house, person, path) -> None:
    browser = await house.signed_in(person)
    answer = await browser.get(path)
    assert answer.status_code == 200


@pytest.mark.parametrize("path", PAGES)
async def test_nobody_sees_one_who_has_not_signed_in(house, path) -> None:
    answer = await house.browser().get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")


@pytest.mark.parametrize(
    "path",
    [
        "/agents/nobody", "/tools/nothing", "/tools/available/nothing", "/policies/nothing",
        "/source/policies/nothing.yaml", "/source/credentials.yaml", "/source/wharfinger.yaml",
        "/source/policies/../credentials.yaml", "/source//etc/passwd", "/preflight/nobody",
    ],
)  # fmt: skip
async def test_what_is_not_there_or_not_shown(house, path) -> None:
    await house.reload(credentials="credentials: {}\n")
    browser = await house.signed_in("alice")
    assert (await browser.get(path)).status_code == 404


@pytest.mark.parametrize(
    "path",
    ["/agents/bot/suspend", "/agents/bot/resume", "/agents/bot/rotate", "/agents/stop", "/tools/pay/approve",
     "/tools/pay/withdraw", "/playground", "/parts/playground"],
)  # fmt: skip
@pytest.mark.parametrize("secret", [None, "", "0" * 64, "other"])
async def test_a_form_without_the_secret_of_its_session_does_nothing(house, path, secret) -> None:
    browser, other = await house.signed_in("alice"), await house.signed_in("bob")
    form = {} if secret is None else {"csrf": other.csrf if secret == "other" else secret}
    sent = form | {"reason": "x", "confirm": CONFIRMED}
    answer = await browser.http.post(path, data=sent, headers={"Origin": browser.origin})
    assert (answer.status_code, house.stopped) == (403, [])
    assert (await browser.http.get("/api/v1/agents/bot")).json()["status"] == "active"


# Agents.


async def test_an_agent_is_suspended_rotated_and_resumed_with_a_reason(house) -> None:
    browser = await house.signed_in("alice")
    await browser.get("/agents/bot")
    assert (await browser.post("/agents/bot/suspend", {"reason": " "})).status_code == 400
    assert "state active" in (await browser.get("/agents/bot")).text
    answer = await browser.post("/agents/bot/suspend", {"reason": HOSTILE})
    assert (answer.status_code, answer.headers["location"]) == (303, "/agents/bot")
    for path in ("/agents", "/agents/bot", "/agents?state=suspended", "/preflight/bot"):
        text = (await browser.get(path)).text
        assert "suspended" in text
        assert "<script>alert" not in text
        assert "\u202e" not in text
        assert "&lt;script&gt;" in text
    assert (await browser.post("/agents/bot/resume", {"reason": "settled"})).status_code == 303
    assert (await browser.post("/agents/bot/rotate", {"reason": "it leaked"})).status_code == 303
    assert "of generation 2" in (await browser.get("/agents/bot")).text
    text = await seen(browser, "/audit?kind=control", "agents.rotate")
    (event,) = (await browser.http.get("/api/v1/audit?q=leaked")).json()["events"]
    assert event["detail"]["args"] == {"agent": "bot", "reason": "it leaked"}
    assert "agents.resume" in text


@pytest.mark.parametrize("person", ["vera", "bob"])
@pytest.mark.parametrize(
    "path", ["/agents/bot/suspend", "/agents/bot/resume", "/agents/bot/rotate", "/agents/stop",
             "/tools/pay/approve", "/tools/pay/withdraw"],
)  # fmt: skip
async def test_only_an_admin_changes_anything(house, person, path) -> None:
    browser = await house.signed_in(person)
    answer = await browser.post(path, {"reason": "x", "confirm": CONFIRMED})
    assert answer.status_code == 403
    assert house.stopped == []
    for page in ("/agents", "/agents/bot"):
        assert "Why" not in (await browser.get(page)).text


@pytest.mark.parametrize("typed", ["", "stop", "yes", "stop everything!"])
async def test_the_kill_switch_needs_its_words(house, typed) -> None:
    browser = await house.signed_in("alice")
    answer = await browser.post("/agents/stop", {"reason": "fire", "confirm": typed})
    assert (answer.status_code, house.stopped) == (400, [])


async def test_the_kill_switch_with_its_words(house) -> None:
    browser = await house.signed_in("alice")
    answer = await browser.post("/agents/stop", {"reason": "fire", "confirm": "Stop Everything"})
    assert (answer.status_code, house.stopped) == (200, ["alice: fire"])


async def test_many_agents_are_searched_and_shown_a_page_at_a_time(house) -> None:
    many = "".join(f"  agent-{n}: {{owner: alice, policies: [main]}}\n" for n in range(130))
    await house.reload(agents=f"agents:\n  bot: {{owner: alice, policies: [main]}}\n{many}")
    browser = await house.signed_in("vera")
    first = (await browser.get("/agents")).text
    assert first.count("<tr data-item") == 50
    assert 'href="/agents?from=50"' in first
    assert (await browser.get("/agents?from=100")).text.count("<tr data-item") == 31
    found = (await browser.get("/agents?q=agent-12")).text
    assert found.count("<tr data-item") == 11
    graph = (await browser.get("/graph")).text
    assert "too many for one picture" in graph
    assert '<svg class="graph" viewBox="0 0 1' not in graph
    assert "open it to see" in (await browser.get("/preflight")).text
    assert (await browser.get("/agents?from=banana")).status_code == 200


async def test_what_came_of_an_agents_requests_is_told(house) -> None:
    await house.desk.store.run(agents.seen, "bot", house.desk.clock.now())
    known = await house.desk.store.run(agents.get, "bot")
    for refused in (None, None, Code.DENIED, Code.APPROVAL_PENDING):
        house.desk.activity.note(known.id, refused)
    browser = await house.signed_in("vera")
    row = html.unescape((await browser.get("/agents")).text).partition('href="/agents/bot"')[2]
    assert [int(n) for n in re.findall(r'<td class="number">(\d+)</td>', row)] == [2, 1, 1]
    page = (await browser.get("/agents/bot")).text
    assert "2 allowed, 1 that a person had to be asked about, 1 denied" in page


async def test_a_retired_agent_is_told_as_such(house) -> None:
    browser = await house.signed_in("alice")
    await house.desk.store.run(agents.seen, "bot", house.desk.clock.now())
    await house.desk.store.run(agents.retire_for_good, "bot", "alice", house.desk.clock.now())
    assert '<span class="state retired">' in (await browser.get("/agents")).text
    page = (await browser.get("/agents/bot")).text
    assert "wharfinger agents add bot" in page
    assert "Rotate its tokens" not in page


# Tools.


async def test_a_proposed_tool_is_approved_by_the_digest_that_was_seen(house) -> None:
    await house.reload(tools__things=PROPOSED)
    browser = await house.signed_in("alice")
    digest = house.overlaid.tools["pay"].digest
    assert "1 proposed" in (await browser.get("/tools")).text
    page = (await browser.get("/tools/pay")).text
    assert digest in page
    assert "<script>alert" not in page
    wrong = await browser.post("/tools/pay/approve", {"digest": "0" * 64})
    assert wrong.status_code == 409
    assert "Approved by" not in (await browser.get("/tools/pay")).text
    assert (await browser.post("/tools/pay/approve", {"digest": digest})).status_code == 303
    assert "Approved by alice" in (await browser.get("/tools/pay")).text
    assert "Nothing is proposed" in (await browser.get("/tools?state=proposed")).text
    assert (await browser.post("/tools/pay/withdraw")).status_code == 303
    assert "Approve pay as it is here" in (await browser.get("/tools/pay")).text


async def test_a_tool_tells_its_inputs_its_lines_and_who_may_use_it(house) -> None:
    browser = await house.signed_in("vera")
    page = html.unescape((await browser.get("/tools/pay")).text)
    for word in ("amount", "integer", "{tool: pay, description: Pay somebody", "https://api.example.com/pay"):
        assert word in page
    assert 'href="/agents/bot"' in page
    assert 'href="/source/policies/main.yaml#L2"' in page


async def test_what_is_available_is_searched_by_tools_too(house) -> None:
    browser = await house.signed_in("vera")
    found = (await browser.get("/tools?state=available&q=create_refund")).text
    assert "/tools/available/stripe?q=create_refund" in found
    assert "stripe_create_refund" in found
    assert "stripe_create_refund" in (await browser.get("/tools/available/stripe?q=create_refund")).text


# Policies.


async def test_a_policy_shows_its_lines_its_tests_and_what_they_exercise(house) -> None:
    await house.reload(policies__main=POLICY)
    browser = await house.signed_in("vera")
    page = html.unescape((await browser.get("/policies/main")).text)
    for number, line in enumerate(POLICY.splitlines(), start=1):
        assert f'<tr id="L{number}">' in page
        assert line in page
    assert "1 of 2 fail" in page
    assert "allow rule, decided in tests" in page
    assert "20 calls of pay per hour" in page or "20 calls of pay" in page
    assert "1 of 2 fail" in (await browser.get("/policies")).text


async def test_what_changed_between_two_reloads_is_shown_where_the_texts_are_known(house) -> None:
    browser = await house.signed_in("vera")
    before = house.policy_digest
    await house.reload(policies__main=POLICY.replace("50", "40"), credentials="credentials: {}\n")
    await browser.get("/policies")
    middle = house.policy_digest
    await house.reload(policies__main=POLICY, credentials="# a word\ncredentials: {}\n")
    page = await seen(browser, "/policies", f"to={house.policy_digest}")
    assert f"/changes?from={middle}&amp;to={house.policy_digest}" in page
    shown = html.unescape((await browser.get(f"/changes?from={middle}&to={house.policy_digest}")).text)
    assert "-    when: {max_amount: 40}" in shown
    assert "+    when: {max_amount: 50}" in shown
    assert "credentials.yaml" in shown
    assert "a word" not in shown
    unknown = (await browser.get(f"/changes?from={before}&to={house.policy_digest}")).text
    assert "is not known here" in unknown


# Graph.


async def test_the_graph_says_what_the_rules_say(house) -> None:
    await house.reload(policies__main=POLICY)
    browser = await house.signed_in("vera")
    given = (await browser.get("/graph/json?agent=bot")).json()
    assert given == [way.as_json() for way in ways(house.overlaid._configuration, "bot")]
    page = (await browser.get("/graph?agent=bot")).text
    for link in ("/agents/bot", "/policies/main", "/tools/pay", "/graph?agent=bot&amp;host=api.example.com"):
        assert f'<a href="{link}"' in page
    assert '<text class="letter write"' in page
    assert "flowchart LR" in (await browser.get("/graph/mermaid?agent=bot")).text
    assert "Nothing is in reach" in (await browser.get("/graph?agent=bot&effect=read")).text
    assert "No agent matches" in (await browser.get("/graph?agent=x*")).text


# Preflight.


async def test_preflight_says_what_is_in_the_way_and_what_to_do(house) -> None:
    await house.reload(policies__main=POLICY)
    browser = await house.signed_in("vera")
    page = (await browser.get("/preflight/bot")).text
    assert "not ready" in page
    assert "expected allow, got ask" in page
    assert "What to do: mend the policy or the test" in page
    assert "not ready" in (await browser.get("/preflight")).text


# Playground.


@pytest.mark.parametrize(
    ("amount", "verdict"), [("5", "allow"), ("50", "allow"), ("51", "ask")], ids=["few", "most", "more"]
)
async def test_the_playground_decides_as_the_proxy_would(house, amount, verdict) -> None:
    await house.reload(policies__main=POLICY)
    browser = await house.signed_in("vera")
    inputs = {"input.amount": amount, "input.to": "Ann", "input.note": "for the boat"}
    of_tool = await part(browser, agent="bot", tool="pay", **inputs)
    body = json.dumps({"amount": int(amount), "to": "Ann", "note": "for the boat"})
    of_request = await part(browser, agent="bot", method="POST", url="https://api.example.com/pay", body=body)
    for text in (of_tool, of_request):
        assert f'<span class="verdict {verdict}">' in text
        assert house.policy_digest[:16] in text
        assert "Assumed" in text


async def test_the_playground_knows_suspensions_and_emergency_denials(house) -> None:
    await house.reload(policies__main=POLICY)
    browser = await house.signed_in("alice")
    form = {"agent": "bot", "tool": "pay", "input.amount": "5", "input.to": "A", "input.note": "x"}
    await browser.post("/agents/bot/suspend", {"reason": "it misbehaved"})
    assert "suspended" in await part(browser, **form)
    await browser.post("/agents/bot/resume", {"reason": "no more"})
    assert '"verdict allow"' in await part(browser, **form)


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"agent": "nobody", "url": "https://a.example/"}, "Choose an agent"),
        ({"agent": "bot"}, "Write the URL"),
        ({"agent": "bot", "url": "gopher://a"}, "is not an http or https URL"),
        ({"agent": "bot", "url": "https://a.example/", "headers": "nonsense"}, "is not a header field"),
        ({"agent": "bot", "tool": "nothing"}, "no such tool"),
        ({"agent": "bot", "tool": "pay", "input.amount": "x"}, 'The input "amount" is not integer'),
        ({"agent": "bot", "tool": "pay"}, "amount"),
        ({"decision": "d_none"}, "no decision of this id"),
    ],
)
async def test_what_makes_no_request_is_told(house, form, says) -> None:
    browser = await house.signed_in("vera")
    text = await part(browser, **form)
    assert says.lower() in text.lower()
    assert 'class="verdict' not in text


async def test_what_if_is_decided_here_and_nothing_is_kept(house) -> None:
    await house.reload(policies__main=POLICY.replace("amount: 51", "amount: 50"))
    files, digest = dict(house.files), house.policy_digest
    browser = await house.signed_in("vera")
    file = "policies/main.yaml"
    form = {"agent": "bot", "tool": "pay", "input.amount": "45", "input.to": "A", "input.note": "x",
            "file": file, "shown": file}  # fmt: skip
    text = files[file].decode()
    same = await part(browser, **form, text=text.replace("\n", "\r\n"))
    assert "With the edited policy" not in same
    edited = await part(browser, **form, text=text.replace("50}", "40}").replace("> 50", "> 40"))
    assert edited.index("With the edited policy") < edited.index("As it is now")
    assert edited.count('<span class="verdict ask">') == 1
    assert edited.count('<span class="verdict allow">') == 1
    assert "1 of its tests would fail" in edited
    broken = await part(browser, **form, text=text.replace("max_amount", "max_amuont"))
    assert "The edited policy cannot be loaded" in broken
    assert "policies/main.yaml:4:" in broken
    assert 'class="verdict allow"' in broken  # as it is now
    assert (house.files, house.policy_digest) == (files, digest)
    assert '"verdict allow"' in await part(browser, **form, text=text)


async def test_only_a_policy_can_be_edited(house) -> None:
    browser = await house.signed_in("alice")
    for file in ("agents.yaml", "wharfinger.yaml", "../x", "policies/other.yaml"):
        text = await part(browser, agent="bot", url="https://a.example/", file=file, shown=file, text="x")
        assert "edited policy" not in text


async def test_a_past_decision_is_decided_again(house) -> None:
    await house.reload(policies__main=POLICY)
    request = Request("bot", "POST", "https", "api.example.com", 443, "/pay", ())
    call = Call("pay", "t" * 64, Effect.WRITE, {"amount": 7, "to": HOSTILE, "note": "x"})
    decision = Decision(Verdict.DENY, Code.DENIED, "a rule says so", "", "p" * 64, calls=(call,))
    await house.desk.book.write(events.refused("d_past", Who("bot", "ag"), request, decision))
    browser = await house.signed_in("vera")
    await seen(browser, "/audit", "d_past")
    answer = await browser.post("/parts/playground", {"decision": "d_past"})
    assert '<span class="verdict allow">' in answer.text
    assert "<script>alert" not in answer.text
    assert "\u202e" not in answer.text


async def test_a_decision_in_the_audit_log_leads_to_its_rule_and_to_the_playground(house) -> None:
    rule = RuleRef("main", "policies/main.yaml", 2, Verdict.DENY)
    request = Request("bot", "POST", "https", "api.example.com", 443, "/pay", ())
    decision = Decision(Verdict.DENY, Code.DENIED, "a rule says so", "", "p" * 64, rules=(rule,))
    await house.desk.book.write(events.refused("d_ruled", Who("bot", "ag"), request, decision))
    browser = await house.signed_in("vera")
    await seen(browser, "/audit", "d_ruled")
    page = (await browser.get("/audit/d_ruled")).text
    assert 'href="/source/policies/main.yaml#L2"' in page
    assert 'href="/playground?decision=d_ruled"' in page


async def test_too_much_is_not_told_at_once(house, monkeypatch) -> None:
    monkeypatch.setattr(graph, "_WAYS", 0)
    browser = await house.signed_in("vera")
    for path in ("/graph?agent=bot", "/graph/json", "/graph/mermaid"):
        answer = await browser.get(path)
        assert answer.status_code == 400
        assert "narrow it" in answer.text.lower()


async def test_a_form_keeps_what_was_typed_and_works_without_a_script(house) -> None:
    await house.reload(policies__main=POLICY)
    browser = await house.signed_in("vera")
    form = {"agent": "bot", "method": "GET", "url": "https://a.example/<b>", "headers": "A: b\r\nC: d"}
    answer = await browser.post("/playground", form)
    assert '<span class="verdict deny">' in answer.text
    assert 'value="https://a.example/&lt;b&gt;"' in answer.text
    assert "A: b\r\nC: d</textarea>" in answer.text


async def test_the_tests_that_a_page_tells_are_those_that_enforcement_runs(house) -> None:
    await house.reload(policies__main=POLICY)
    results = cases.run(house.overlaid._configuration)
    browser = await house.signed_in("vera")
    page = (await browser.get("/policies/main")).text
    assert page.count('<span class="state approved">pass</span>') == sum(one.passed for one in results)
    assert page.count('<span class="state denied">fail</span>') == sum(not one.passed for one in results)
