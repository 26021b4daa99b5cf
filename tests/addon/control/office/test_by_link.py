"""Links in the console: to open one shows and changes nothing; to decide takes the code; and what Slack sends."""

# ruff: noqa: E501 - hostile texts
from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from wharfinger.approvals.question import safe_text
from wharfinger.approvals.states import State
from wharfinger.channels.buttons import Buttons
from wharfinger.channels.courier import Courier
from wharfinger.channels.deciding import Links
from wharfinger.channels.links import spelled
from wharfinger.channels.notices import Interaction, Notice, Replied
from wharfinger.channels.opening import signer
from wharfinger.rules.types import Ask, Call, Code, Decision, Effect, Request, RuleRef, Verdict

HOSTILE = (
    "</dd></dl></article><form method=post action=https://evil.example><button name=decision value=approve>",
    '<script>alert(1)</script><img src=x onerror=alert(1)>" onmouseover="alert(1)',
    "\u202e\u2066\u200b\x1b[2J\x07\ud800\U000e0001",
    "{{ 7777*3331 }}{% raw %}${7777*3331}",
    "Approved by alice\nYour code: 00000000",
)


@dataclass
class Peer:
    """What stands in for the process of the channels; answers each interaction with a status."""

    status: int = 200
    courier: Any = None
    said: list[Notice] = field(default_factory=list)

    def say(self, notice: Notice) -> bool:
        self.said.append(notice)
        if isinstance(notice, Interaction):
            self.courier._replies.pop(notice.ref)(Replied(notice.ref, self.status).status)
        return True


@pytest.fixture
async def asked(house: Any) -> Any:
    """`asked(text)`: a question that holds this text wherever an agent writes, its link and its code."""
    desk, peer = house.desk, Peer()

    async def conceal(texts: Any) -> None:
        return

    links = Links(signer(desk.keys), desk.store, desk.approvals, desk.clock)
    courier = Courier(
        desk.approvals, desk.store, desk.clock, links, Buttons(b"b" * 32), lambda: house.overlaid, conceal,
        desk.book.write, house.url, peer,
    )  # fmt: skip
    house.courier = peer.courier = courier

    async def ask(text: str = "x", complete: bool = True) -> tuple[Any, str, str]:
        note = text if complete else "y" * 100_000
        call = Call("pay", "t", Effect.WRITE, {"amount": 5, "note": note}, {text: text}, reason=text, description="Pay somebody")  # fmt: skip
        decision = Decision(
            Verdict.ASK, Code.APPROVAL_PENDING, "a rule asks", "", "p" * 64, calls=(call,),
            rules=(RuleRef("main", "policies/main.yaml", 1, Verdict.ASK),), digest="d" * 64,
            ask=Ask(("finance",), frozenset({"bob"}), timedelta(hours=1)),
        )  # fmt: skip
        request = Request("bot", "POST", "https", "api.example.com", 443, f"/pay/{text}", (), b"{}")
        approval = await desk.approvals.ask("ag_1", request, decision, [("x-request-id", text)])
        link, code = await links.make(approval, "bob")
        return approval, f"/approve/{link}", code

    return ask


async def test_looks_change_nothing(house: Any, asked: Any):
    """By GET and by HEAD, by programs that say what they are and by such that do not."""
    approval, path, code = await asked()
    browser = house.browser()
    for number in range(500):
        agent = ("Slackbot-LinkExpanding 1.0", "TelegramBot", "Mozilla/5.0 SafeLinks", "")[number % 4]
        answer = await browser.http.request(
            "HEAD" if number % 2 else "GET", path, headers={"User-Agent": agent}
        )
        assert answer.status_code == 200
    assert len(await house.desk.approvals.history(approval.id)) == 1
    done = await browser.post(path, {"code": code, "decision": "deny", "reason": "no"})
    assert done.status_code == 200
    shown = await house.desk.approvals.show(approval.id)
    assert (shown.state, shown.person, shown.comment) == (State.DENIED, "bob", "no")


@pytest.mark.parametrize(
    ("form", "headers", "status"),
    [
        ({"decision": "approve"}, {}, 400),
        ({"code": "", "decision": "approve"}, {}, 400),
        ({"code": "00000000", "decision": "approve"}, {}, 409),
        ({"code": "RIGHT", "decision": "cancel"}, {}, 400),
        ({"code": "RIGHT"}, {}, 400),
        ({"code": "RIGHT", "decision": "approve"}, {"Origin": "https://evil.example"}, 403),
        ({"code": "RIGHT", "decision": "approve"}, {"Origin": "null"}, 403),
        ({"code": "RIGHT", "decision": "approve"}, {"Sec-Fetch-Site": "cross-site"}, 403),
        ({"code": "RIGHT", "decision": "approve"}, {"Host": "evil.example"}, 421),
        ({"code": "RIGHT", "decision": "approve"}, {"Content-Type": "text/plain"}, 400),
    ],
)
async def test_what_decides_nothing(
    house: Any, asked: Any, form: dict[str, str], headers: dict[str, str], status: int
):
    approval, path, code = await asked()
    given = {name: code if value == "RIGHT" else value for name, value in form.items()}
    answer = await house.browser().post(path, given, **headers)
    assert answer.status_code == status
    assert (await house.desk.approvals.show(approval.id)).state is State.PENDING
    assert (
        await house.browser().post(path, {"code": spelled(code), "decision": "approve"})
    ).status_code == 200
    assert (await house.desk.approvals.show(approval.id)).state is State.APPROVED


async def test_a_used_or_unknown_link_is_told_alike(house: Any, asked: Any):
    _, path, code = await asked()
    browser = house.browser()
    await browser.post(path, {"code": code, "decision": "approve"})
    used = await browser.get(path)
    unknown = await browser.get(path[:-4] + "AAAA")
    assert used.status_code == unknown.status_code == 404
    assert used.text == unknown.text
    assert (await browser.post(path, {"code": code, "decision": "approve"})).status_code >= 400


async def test_what_was_cut_cannot_be_approved_here(house: Any, asked: Any):
    approval, path, code = await asked(complete=False)
    browser = house.browser()
    page = await browser.get(path)
    assert 'value="approve"' not in page.text
    assert 'value="deny"' in page.text
    assert (await browser.post(path, {"code": code, "decision": "approve"})).status_code == 403
    assert (await house.desk.approvals.show(approval.id)).state is State.PENDING


class Tags(HTMLParser):
    """The elements of a page with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[tuple[Any, ...]] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(
            (tag, *((name, value) for name, value in attrs if name not in {"id", "aria-labelledby", "href"}))
        )


@pytest.mark.parametrize("text", HOSTILE)
async def test_the_page_of_a_hostile_agent(house: Any, asked: Any, text: str):
    """The same elements as of a harmless one, and nothing hidden among the text."""
    _, harmless, _ = await asked()
    usual, page = Tags(), Tags()
    usual.feed((await house.browser().get(harmless)).text)
    await house.desk.approvals.cancel_all("ag_1", None, "")
    _, path, _ = await asked(text)
    answer = await house.browser().get(path)
    page.feed(answer.text)
    strange = {tag for tag in page.found - usual.found if tag[0] != "time"}
    assert strange == set()
    assert "own words" in answer.text
    assert all(safe_text(char) == char or char == "\n" for char in answer.text)
    assert str(7777 * 3331) not in answer.text


@pytest.mark.parametrize("status", [200, 401, 503])
async def test_what_slack_sends_is_handed_on_as_it_is(house: Any, asked: Any, status: int):
    await asked()
    house.courier.peer.status = status
    headers = {
        "X-Slack-Request-Timestamp": "1700000000", "X-Slack-Signature": "v0=abc",
        "Content-Type": "application/x-www-form-urlencoded",
    }  # fmt: skip
    answer = await house.browser().http.post("/channels/slack", content=b"payload=%7B%7D", headers=headers)
    assert answer.status_code == status
    (said,) = [notice for notice in house.courier.peer.said if isinstance(notice, Interaction)]
    assert (said.timestamp, said.signature, said.body) == ("1700000000", "v0=abc", "payload=%7B%7D")


async def test_without_channels_nothing_is_there(house: Any):
    browser = house.browser()
    assert (await browser.get("/approve/wl_x")).status_code == 404
    assert (await browser.http.post("/channels/slack", content=b"x")).status_code == 400
