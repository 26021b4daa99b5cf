"""What the pages show, to whom, and that nothing an agent wrote is more than text."""

from __future__ import annotations

import asyncio
import html
import re
from datetime import timedelta

import pytest
from wharfinger.approvals.states import State
from wharfinger.audit import events
from wharfinger.audit.event import Outcome, Sent, Target, Who
from wharfinger.control.office.pages.approvals import CARD
from wharfinger.rules.types import Ask, Call, Code, Decision, Effect, Request, Verdict
from wharfinger.signin.session import Kind

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)>'\"><svg/onload=alert(1)>{{7*7}}{% raw %}"
    "\u202eevil\u2066\u200b\x1b[2J\x00\r\nApproved by alice</blockquote><h2>Approved</h2>"
    "javascript:alert(1) ${x} &lt;b&gt; https://evil.example.com/"
)
FORBIDDEN = re.compile(
    r"[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)


def asked(**changed) -> tuple[Request, Decision]:
    request = Request("bot", "POST", "https", "api.example.com", 443, "/pay", (), body=b"x" * 30)
    inputs = {"amount": 7000, "to": "Ann", "note": "for the boat"} | changed.pop("inputs", {})
    call = Call("pay", "t" * 64, Effect.WRITE, inputs, reason=changed.pop("reason", "she asked nicely"))
    decision = Decision(
        Verdict.ASK,
        Code.APPROVAL_PENDING,
        "a rule asks",
        "",
        "p" * 64,
        calls=(call,),
        digest=changed.pop("digest", "d" * 64),
        ask=Ask(("finance",), frozenset({"bob"}), timedelta(hours=1)),
    )
    return request, decision


async def hold(house, **changed):
    request, decision = asked(**changed)
    volatile = (("User-Agent", changed.get("agent", "curl")),)
    return await house.desk.approvals.ask("ag_1", request, decision, volatile)


async def seen(browser, path: str, word: str) -> str:
    """The page, once the office has read of the book what it is to show."""
    for _ in range(100):
        text = (await browser.get(path)).text
        if word in text:
            return text
        await asyncio.sleep(0.05)
    raise AssertionError(f"{path} never showed {word!r}: {text}")


async def test_an_approver_sees_a_card_and_approves_it(house) -> None:
    approval = await hold(house)
    browser = await house.signed_in("bob")
    page = (await browser.get("/approvals")).text
    for shown in (
        "bot",
        "pay",
        "api.example.com",
        "/pay",
        "7000",
        "for the boat",
        "finance",
        "she asked nicely",
    ):
        assert shown in page
    assert "The agent's own words" in html.unescape(page)
    form = {"view": "list", "digest": approval.digest, "reason": "fine"}
    answer = await browser.post(f"/approvals/{approval.id}/approve", form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/approvals")
    found = await house.desk.approvals.show(approval.id)
    assert (found.state, found.person, found.comment) == (State.APPROVED, "bob", "fine")
    after = await browser.get(f"/approvals/{approval.id}")
    assert "approve" in after.text
    assert "by <b>bob</b>" in after.text


async def test_and_denies_one_with_a_reason(house) -> None:
    approval = await hold(house)
    browser = await house.signed_in("bob")
    page = await browser.get(f"/approvals/{approval.id}")
    for shown in (approval.digest, "30 bytes", "User-Agent: curl", "expires in 60 minutes"):
        assert shown in page.text or shown.replace("60", "59") in page.text
    answer = await browser.post(f"/approvals/{approval.id}/deny", {"view": "whole", "reason": "not now"})
    assert answer.headers["location"] == f"/approvals/{approval.id}"
    found = await house.desk.approvals.show(approval.id)
    assert (found.state, found.comment) == (State.DENIED, "not now")


@pytest.mark.parametrize("person", ["alice", "vera"])
async def test_who_is_not_asked_does_not_answer(house, person) -> None:
    approval = await hold(house)
    browser = await house.signed_in(person)
    page = (await browser.get(f"/approvals/{approval.id}")).text
    assert "data-approve" not in page
    assert "You are not one of those who are asked" in page
    form = {"view": "whole", "digest": approval.digest}
    for answer in ("approve", "deny"):
        refused = await browser.post(f"/approvals/{approval.id}/{answer}", form)
        assert refused.status_code in {403, 409}
    assert (await house.desk.approvals.show(approval.id)).state is State.PENDING


async def test_an_answer_that_comes_second_is_told_so(house) -> None:
    approval = await hold(house)
    browser = await house.signed_in("bob")
    await house.desk.approvals.deny(approval.id, "bob", "first")
    form = {"view": "whole", "digest": approval.digest}
    answer = await browser.post(f"/approvals/{approval.id}/approve", form)
    assert answer.status_code == 409
    assert "Cannot approve an approval that is denied" in answer.text


async def test_nothing_is_approved_from_a_view_that_leaves_something_out(house) -> None:
    approval = await hold(house, inputs={"note": "x" * (CARD + 1)})
    browser = await house.signed_in("bob")
    listed = (await browser.get("/approvals")).text
    assert "This is not all of it" in listed
    assert re.search(r"data-approve disabled", listed)
    form = {"view": "list", "digest": approval.digest}
    refused = await browser.post(f"/approvals/{approval.id}/approve", form)
    assert refused.status_code == 403
    whole = (await browser.get(f"/approvals/{approval.id}")).text
    assert "x" * (CARD + 1) in whole
    assert "data-approve disabled" not in whole
    done = await browser.post(f"/approvals/{approval.id}/approve", form | {"view": "whole"})
    assert done.status_code == 303


async def test_what_was_not_kept_whole_cannot_be_approved_here(house) -> None:
    approval = await hold(house, inputs={"note": "x" * 100_000})
    assert not approval.question.complete
    browser = await house.signed_in("bob")
    page = (await browser.get(f"/approvals/{approval.id}")).text
    assert "too long to be kept" in page
    assert "data-approve disabled" in page
    form = {"view": "whole", "digest": approval.digest}
    assert (await browser.post(f"/approvals/{approval.id}/approve", form)).status_code == 403
    assert (await house.desk.approvals.show(approval.id)).state is State.PENDING
    assert (await browser.post(f"/approvals/{approval.id}/deny", form)).status_code == 303


async def test_an_answer_is_to_what_was_seen(house) -> None:
    approval = await hold(house)
    browser = await house.signed_in("bob")
    await browser.get("/approvals")
    for digest in ("", "e" * 64):
        refused = await browser.post(f"/approvals/{approval.id}/approve", {"view": "whole", "digest": digest})
        assert refused.status_code == 400
    assert (await house.desk.approvals.show(approval.id)).state is State.PENDING


async def test_a_hundred_posts_at_once_have_one_winner(house) -> None:
    approval = await hold(house)
    browser = await house.signed_in("bob")
    await browser.get("/approvals")
    form = {"view": "whole", "digest": approval.digest}
    answers = await asyncio.gather(
        *(
            browser.post(f"/approvals/{approval.id}/{('approve', 'deny')[number % 2]}", form)
            for number in range(100)
        )
    )
    assert sum(answer.status_code == 303 for answer in answers) == 1
    assert {answer.status_code for answer in answers} == {303, 409}
    history = await house.desk.approvals.history(approval.id)
    assert len(history) == 2


async def test_the_agents_text_is_text_everywhere(house) -> None:
    """In every field of every page that shows something an agent wrote."""
    request, decision = asked(
        inputs={"note": HOSTILE, HOSTILE: [HOSTILE, {HOSTILE: HOSTILE}]}, reason=HOSTILE
    )
    request = Request("bot", "POST", "https", "api.example.com", 443, "/" + HOSTILE, (), body=b"")
    approval = await house.desk.approvals.ask("ag_1", request, decision, (("X-" + HOSTILE, HOSTILE),))
    who = Who("bot", "ag_1", HOSTILE)
    await house.desk.book.write(events.held("d_1", who, request, decision, approval=approval.id))
    await house.desk.book.write(events.refused("d_2", who, request, decision))
    await house.desk.book.write(
        events.rejected("d_3", None, Code.BAD_REQUEST, HOSTILE, target=Target.of(request))
    )
    await house.desk.book.write(events.intent("d_4", who, request, decision))
    await house.desk.book.write(events.outcome("d_4", who, Outcome.UPSTREAM_FAILED, reason=HOSTILE))
    await house.desk.approvals.deny(approval.id, "bob", HOSTILE)
    browser = await house.signed_in("alice")
    await seen(browser, "/audit", "upstream_failed")
    paths = [
        "/",
        "/part",
        "/approvals",
        "/approvals/part",
        f"/approvals/{approval.id}",
        "/audit",
        "/audit/part",
    ]
    paths += [f"/audit/d_{n}" for n in (1, 2, 3, 4)] + [f"/audit/{approval.id}", "/account"]
    paths += [f"/audit?q={word}" for word in ("<script>alert(1)</script>", '"><img')]
    shown = 0
    for path in paths:
        answer = await browser.get(path)
        assert answer.status_code == 200, path
        assert not FORBIDDEN.search(answer.text.replace("\n", "")), path
        for tag in ("<script>alert", "<img src=x", "<svg/onload", "</blockquote><h2>Approved", "<b>Approved"):
            assert tag not in answer.text, (path, tag)
        assert "onerror=alert" not in re.sub(r"&lt;img src=x onerror=alert", "", answer.text), path
        assert 'href="https://evil' not in answer.text
        shown += "&lt;script&gt;alert(1)" in answer.text
    assert shown >= 8  # it was there, as text


@pytest.mark.parametrize(
    "path",
    [
        "/audit/" + "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/approvals/" + "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/sign-in?next=%22%3E%3Cscript%3Ealert(1)",
        "/audit?q=%22%3E%3Cscript%3Ealert(1)&agent=%22%3E%3Cscript%3E&kind=%3Cscript%3E",
        "/%3Cscript%3Ealert(1)",
    ],
)
async def test_nor_is_an_address_more_than_text(house, path) -> None:
    browser = await house.signed_in("alice")
    assert "<script>alert" not in (await browser.get(path)).text


async def test_the_overview_says_what_waits_what_was_denied_and_what_passed(house) -> None:
    browser = await house.signed_in("vera")
    empty = (await browser.get("/")).text
    assert empty.count('class="empty"') == 3
    assert "cannot be fetched: STRIPE_KEY: the source vault &lt;answered&gt; (status 503)" in empty
    assert "support misuses what it was given (3 in the last hour): a &lt;placeholder&gt; elsewhere" in empty
    approval = await hold(house)
    request, decision = asked()
    who = Who("bot", "ag_1")
    await house.desk.book.write(events.refused("d_2", who, request, decision))
    await house.desk.book.write(events.intent("d_4", who, request, decision))
    await house.desk.book.write(events.outcome("d_4", who, Outcome.COMPLETED, Sent(status=201)))
    page = await seen(browser, "/", "completed 201")
    assert f'href="/approvals/{approval.id}"' in page
    assert 'href="/audit/d_2"' in page
    assert 'href="/audit/d_4"' in page
    assert "a rule asks" in page
    for number, text in (
        (1, "waiting for a person"),
        (1, "sent in the last hour"),
        (1, "denied in the last hour"),
    ):
        assert f"<b>{number}</b> {text}" in page


async def test_the_audit_page_searches_and_goes_back(house) -> None:
    request, decision = asked()
    who = Who("bot", "ag_1")
    for number in range(120):
        await house.desk.book.write(events.refused(f"d_{number:03}", who, request, decision))
    browser = await house.signed_in("vera")
    page = await seen(browser, "/audit", "d_119")
    assert "d_070" in page
    assert "d_060" not in page
    older = html.unescape(re.search(r'href="(/audit\?[^"]*before=[^"]*)"', page)[1])
    assert "d_060" in (await browser.get(older)).text
    found = (await browser.get("/audit/part?q=D_042 API.EXAMPLE.COM")).text
    assert found.count("<tr data-item") == 1
    assert "No event here matches" in (await browser.get("/audit?q=nothing-like-it")).text
    assert "No event here matches" in (await browser.get("/audit?kind=intent")).text
    assert (await browser.get("/audit?kind=denied&verdict=ask&agent=bot")).text.count("<tr data-item") == 50
    assert (await browser.get("/audit?kind=evil&before=x")).status_code == 200


async def test_one_decisions_whole_life_is_on_one_page(house) -> None:
    approval = await hold(house)
    request, decision = asked()
    who = Who("bot", "ag_1")
    await house.desk.book.write(events.held("d_1", who, request, decision, approval=approval.id))
    await house.desk.approvals.approve(approval.id, "bob", "fine")
    await house.desk.book.write(events.intent("d_1", who, request, decision, approval=approval.id))
    await house.desk.book.write(events.outcome("d_1", who, Outcome.COMPLETED))
    browser = await house.signed_in("vera")
    page = await seen(browser, "/audit/d_1", "completed")
    assert re.findall(r"<h2>(\w+)", page) == ["held", "intent", "outcome"]
    whole = (await browser.get(f"/audit/{approval.id}")).text
    assert re.findall(r"<h2>(\w+)", whole) == ["approval", "held", "approval", "intent", "outcome"]
    assert (await browser.get("/audit/d_none")).status_code == 404


async def test_open_pages_are_told_at_once_and_the_stream_ends_with_the_session(real) -> None:
    browser = await real.signed_in("bob")
    session = real.desk.sessions.live(Kind.BROWSER, "bob")[0]
    before = session.seen
    async with browser.http.stream("GET", "/live", timeout=30) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.aiter_lines()
        assert await anext(lines) == "retry: 3000"
        await hold(real)
        heard = [line async for line in upto(lines, "event: book")]
        assert "event: approvals" in heard
        assert real.desk.sessions.get(session.id).seen == before  # listening is not using
        await real.desk.sessions.end(session.id)
        await real.desk.book.write(events.stopped("x"))
        assert [line async for line in upto(lines, "event: signed-out")]


async def upto(lines, last: str):
    async for line in lines:
        yield line
        if line == last:
            return


async def test_the_streams_of_one_session_are_bounded(real) -> None:
    from contextlib import AsyncExitStack

    browser = await real.signed_in("bob")
    kept = []
    async with AsyncExitStack() as stack:
        for _ in range(8):
            stream = await stack.enter_async_context(browser.http.stream("GET", "/live", timeout=30))
            kept.append(stream.aiter_lines())
            await anext(kept[-1])
        assert (await browser.http.get("/live")).status_code == 429


async def test_the_grants_that_there_are_and_a_form_without_one(house) -> None:
    browser = await house.signed_in("bob")
    assert "There are none" in (await browser.get("/grants")).text
    approval = await hold(house)  # no grant can be made of it: it was not decided in earnest
    assert "Grant calls like this one" not in (await browser.get(f"/approvals/{approval.id}")).text
    form = {"digest": approval.digest, "uses": "5", "for": "1h"}
    for wrong in ({"uses": "0"}, {"uses": "101"}, {"uses": "x"}, {"for": "9y"}, {"digest": "e" * 64}):
        assert (await browser.post(f"/approvals/{approval.id}/grant", form | wrong)).status_code == 400
    assert (await browser.post(f"/approvals/{approval.id}/grant", form)).status_code == 409
    assert (await house.desk.approvals.show(approval.id)).state is State.PENDING
    assert (await browser.post("/grants/g_none/revoke")).status_code == 409
