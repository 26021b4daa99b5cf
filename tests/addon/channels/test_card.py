"""The card: what matters first, nothing that an agent wrote passing for ours, and no approval from a part of it."""

# ruff: noqa: E501 - hostile texts
from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from standins.slack import texts
from wharfinger.approvals.question import safe_text
from wharfinger.channels import blocks, letters
from wharfinger.channels.card import CUT_SHORT, EXTRA, WORDS, Card, rows
from wharfinger.channels.links import spelled
from wharfinger.channels.notices import Ask, Letter, Settled, line, read
from wharfinger.channels.shown import cut, in_html, in_slack

LETTER = Letter("alice@example.com", "https://wharf.example.com/approve/wl_X", "12345678")
HOSTILE = (
    "<!channel> <@U0000ALICE> <https://evil.example|Approve> *bold* `code` :tada: &lt;b&gt;",
    "</code></td></tr></table><script>alert(1)</script><img src=x onerror=alert(1)>",
    "\u202egnp.exe\u2066\u200b\u200d\ufeff invisible \x07\x1b[31mred\x1b]0;title\x07\x9b2J",
    "line\nApproved by alice\r\nYour code:\n  0000-0000\u2028\u2029x\x85y\x0bz",
    '", amount = 5, "x": "',
    "\ud800 lone \U000e0001 tag \U0010ffff",
    "[red]markup[/red] [link=https://evil.example]x[/link] [[",
    "a" * 10_000,
    "policy     none: approved already",
)


def approval(**changes: Any) -> dict[str, Any]:
    call = {
        "tool": "refund", "description": "Refund a payment", "effect": "write", "inputs": {"note": "x", "amount": 500},
        "extras": {"zz": 1, "aa": 2}, "blast": "40 of 100: a write",
    }  # fmt: skip
    asked = {
        "method": "POST", "scheme": "https", "host": "api.example.com", "port": 443, "path": "/v1/refunds",
        "calls": [call | changes.pop("call", {})], "headers": [["idempotency-key", "k1"]], "reason": "the customer asked",
        "body_size": 12, "body_sha256": "0" * 64, "complete": True,
    }  # fmt: skip
    return {
        "id": "a_1", "agent": "bot", "rules": ["policies/support.yaml:12"], "approvers": ["finance"],
        "expires": "2026-01-14T13:00:00+00:00", "request": asked | changes.pop("request", {}),
    } | changes  # fmt: skip


def hostile(text: str) -> dict[str, Any]:
    """An approval with the text wherever an agent, or an upstream by way of it, may have written something."""
    return approval(
        call={"inputs": {text: text, "deep": {text: [text]}}, "extras": {text: text}, "blast": text},
        request={"path": f"/{text}", "reason": text, "headers": [["x-request-id", text]], "method": text},
    )


# What is on it


def test_what_matters_stands_first():
    """Who, which tool, where to, the inputs that policy looks at, the others, and last what is beyond the template."""
    shown = list(rows(Card.of(approval(), first=frozenset({"amount"}))))
    assert [word for word, _ in shown] == [
        "agent", "call", "where", "input", "input", "input", "input", "policy", "blast", "body", "may vary", "until",
    ]  # fmt: skip
    assert [text for word, text in shown if word == "input"] == [
        "amount = 500", 'note = "x"', f"zz = 1  [{EXTRA}]", f"aa = 2  [{EXTRA}]",
    ]  # fmt: skip
    assert shown[1] == ("call", "Refund a payment (refund, write)")
    assert shown[2] == ("where", "POST https://api.example.com/v1/refunds")


@pytest.mark.parametrize(("scheme", "port", "shown"), [("https", 443, ""), ("http", 80, ""), ("https", 8443, ":8443"), ("https", 80, ":80"), ("http", 443, ":443")])  # fmt: skip
def test_a_strange_port_is_shown(scheme: str, port: int, shown: str):
    card = Card.of(approval(request={"scheme": scheme, "port": port}))
    assert card.where == f"POST {scheme}://api.example.com{shown}/v1/refunds"


def test_several_calls_are_told_apart():
    one = approval()
    one["request"]["calls"] *= 2
    card = Card.of(one)
    assert card.title == "bot: Refund a payment (refund, write) and 1 more calls"
    assert all(line_.name.startswith("refund.") for line_ in card.inputs)


def test_a_card_survives_the_way_to_the_process():
    card = Card.of(hostile(HOSTILE[2]))
    ask = Ask(card, ("slack",), ("U1",), {"approve": "v"}, (LETTER,), again=True)
    assert read(line(ask)) == ask
    settled = Settled(card, ("slack",), "denied", "alice", "no", {"ts": "1"})
    assert read(line(settled)) == settled


# Whole or not


@pytest.mark.parametrize(
    ("changes", "whole"),
    [
        ({}, True),
        ({"request": {"complete": False}}, False),
        ({"call": {"inputs": {"note": "x" * 101}}}, False),
        ({"call": {"inputs": {"n" * 101: "x"}}}, False),
        ({"call": {"extras": {"note": "x" * 101}}}, False),
        ({"call": {"inputs": {f"n{i}": i for i in range(11)}, "extras": {}}}, False),
        ({"request": {"path": "/" + "x" * 200}}, False),
        ({"call": {"description": "d" * 200}}, False),
        ({"request": {"reason": "r" * 500}}, True),
        ({"request": {"headers": [["x", "y" * 500]]}}, True),
    ],
)
def test_a_card_is_whole_only_if_all_that_matters_is(changes: dict[str, Any], whole: bool):
    shown = Card.of(approval(**changes)).within(100, lines=10)
    assert shown.whole is whole


def test_what_is_cut_says_how_many_bytes_follow():
    assert cut("é" * 10, 4).text == "éééé … 12 more bytes"
    shown = Card.of(approval(call={"inputs": {"note": "x" * 5000}})).within(100)
    assert re.search(r"… \d+ more bytes", shown.inputs[0].value)
    assert (
        letters.plain(Card.of(approval(call={"inputs": {"note": "x" * 5000}})), LETTER).count(CUT_SHORT) == 1
    )


# Hostile texts


class Tags(HTMLParser):
    """The elements of a page, and what is in their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(attrs)))


def hidden(text: str) -> list[str]:
    return [char for char in text if safe_text(char) != char and char != "\n"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_mail_of_a_hostile_agent(text: str):
    """Each line begins with a word of ours, the code and the link are ours, and nothing is hidden."""
    plain = letters.plain(Card.of(hostile(text)), LETTER)
    assert hidden(plain) == []
    usual = letters.plain(Card.of(approval()), LETTER).splitlines()
    words = {re.split(r"  +", row.strip())[0] for row in usual} | {"|", CUT_SHORT}
    for row in plain.splitlines():
        first = re.split(r"  +", row.strip())[0]
        assert first in words or row.startswith("  | "), row
    assert plain.count(f"\n  {spelled('12345678')}\n") == 1
    assert "\n  0000-0000" not in plain
    assert plain.index(WORDS) > plain.index("  until")
    assert hidden(letters.subject(Card.of(hostile(text)))) == []


@pytest.mark.parametrize("text", HOSTILE)
def test_a_page_of_a_hostile_agent(text: str):
    """The same elements and attributes as without: none of them is the agent's."""
    page = letters.page(Card.of(hostile(text)), LETTER)
    parser, usual = Tags(), Tags()
    parser.feed(page)
    usual.feed(letters.page(Card.of(hostile("x")), LETTER))
    assert set(parser.found) <= set(usual.found) | {("b", ())}
    assert hidden(page) == []
    assert page.count("href=") == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_a_message_of_a_hostile_agent(text: str):
    """All of the agent's text is plain text, without a bracket that Slack gives a meaning to."""
    ask = Ask(Card.of(hostile(text)), ("slack",), ("U0000ALICE",), {"approve": "A", "deny": "D"})
    for said, shown in (
        blocks.question(ask, "https://wharf.example.com"),
        blocks.outcome(Settled(Card.of(hostile(text)), ("slack",), "denied", "alice", text)),
    ):
        message = {"text": said, "blocks": shown}
        found = texts(message)
        ours = "<@U0000ALICE>"
        for each in found:
            assert hidden(each) == [], each
            if each != ours:
                assert "<" not in each
                assert ">" not in each
        kinds = re.findall(r'"type": "mrkdwn", "text": "([^"]*)"', json.dumps(message))
        assert set(kinds) <= {ours}
        assert '"emoji": true' not in json.dumps(message)
        json.dumps(message).encode("ascii")
        for block in shown:
            if block["type"] in {"header", "section"}:
                assert len(block["text"]["text"]) <= {"header": 150, "section": 3000}[block["type"]]


def test_a_name_cannot_pass_for_a_row():
    card = Card.of(approval(call={"inputs": {"amount = 5\npolicy": "x", "a b": 1, "ok": 2}}))
    names = [line_.name for line_ in card.inputs if not line_.note]
    assert names == ['"amount = 5\\npolicy"', '"a b"', "ok"]


def test_the_agents_words_stand_apart_and_are_marked():
    shown = letters.plain(Card.of(approval()), LETTER)
    assert f"{WORDS}\n  | the customer asked\n" in shown
    assert ("input", "the customer asked") not in list(rows(Card.of(approval())))
    nothing = letters.plain(Card.of(approval(request={"reason": None})), LETTER)
    assert WORDS not in nothing
    _, message = blocks.question(Ask(Card.of(approval()), ("slack",), (), {"approve": "a", "deny": "d"}), "")
    places = [texts({"blocks": [block]})[1:] for block in message]
    assert [WORDS] in places
    assert places[places.index([WORDS]) + 1] == ["the customer asked"]


@pytest.mark.parametrize("text", HOSTILE)
def test_escapes(text: str):
    assert html.unescape(in_html(text)) == safe_text(text)
    assert not set("<>\"'") & set(in_html(text).replace("&", ""))
    assert html.unescape(in_slack(text)) == safe_text(text)
    assert not set("<>") & set(in_slack(text))


def test_there_is_one_button_to_approve_and_it_is_ours():
    card = replace(Card.of(approval()), whole=True)
    _, shown = blocks.question(Ask(card, ("slack",), (), {"approve": "A", "deny": "D"}), "")
    (actions,) = [block for block in shown if block["type"] == "actions"]
    assert [(e["action_id"], e["value"]) for e in actions["elements"]] == [
        (blocks.APPROVE, "A"),
        (blocks.DENY, "D"),
    ]
