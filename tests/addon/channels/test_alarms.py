"""Alarms: misuse is told to those whom it concerns, by every channel, and no text of it does anything."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from standins import slack as slack_standin
from standins.hooks import SECRET, Receiver
from standins.mail import PASSWORD, USER, MailServer
from standins.slack import APP_TOKEN, BOT_TOKEN, SIGNING_SECRET, Slack
from wharfinger.audit.event import Who
from wharfinger.channels import alarm as words
from wharfinger.channels import blocks, notices
from wharfinger.channels.alarm import Alarm, Misused
from wharfinger.channels.alarming import Alarming
from wharfinger.channels.beside import Beside
from wharfinger.channels.notices import Setup
from wharfinger.deciding.misuses import Alert, Misuse

REASON = "the request holds the placeholder for STRIPE_API_KEY where it does not belong"
AT = datetime(2030, 1, 1, tzinfo=UTC)
FOUND = Misuse(Who("support", "ag_1"), REASON, "d_1")
AGENTS = "agents:\n  support: {owner: bob, policies: []}\n  other: {owner: eve, policies: []}\n"
ALARM = Alarm(
    ("slack", "email", "webhook"), (Misused("support", "bob", REASON, 1, "d_1"),), AT,
    addresses=("alice@example.com", "bob@example.com"), members=("U0000ALICE", "U00000BOB"),
)  # fmt: skip


class Peer:
    """What stands in for the process of the channels."""

    def __init__(self, *, full: bool = False) -> None:
        self.said: list[Any] = []
        self.full = full

    def say(self, notice: Any) -> bool:
        self.said.append(notice)
        return not self.full


def test_the_owner_and_all_who_administer_are_told_by_the_channels_of_questions(configure: Any) -> None:
    peer = Peer()
    configuration = configure(agents=AGENTS)
    Alarming(lambda: configuration, peer).tell(Alert((FOUND,), AT))
    (alarm,) = peer.said
    assert alarm == replace(ALARM, channels=("slack", "email"))


def test_a_sum_names_those_whom_it_concerns_and_nobody_else(configure: Any) -> None:
    peer = Peer()
    configuration = configure(agents=AGENTS)
    gone = replace(FOUND, who=Who("gone", "ag_9"), count=7)
    Alarming(lambda: configuration, peer).tell(Alert((FOUND, gone), AT, sum=True, more=3))
    (alarm,) = peer.said
    assert alarm.addresses == ("alice@example.com", "bob@example.com")
    assert [(each.agent, each.owner, each.count) for each in alarm.found] == [
        ("support", "bob", 1), ("gone", "", 7),
    ]  # fmt: skip
    assert words.title(alarm) == "Misuse goes on: support, gone and 3 more"
    assert list(words.lines(alarm))[1:] == [f"gone, 7 times: {REASON} [d_1]", "3 more agents"]


def test_without_channels_nobody_is_asked_and_a_full_queue_is_survived(configure: Any) -> None:
    peer = Peer(full=True)
    console = configure(wharfinger="version: 1\n", agents=AGENTS)
    Alarming(lambda: console, peer).tell(Alert((FOUND,), AT))
    assert peer.said == []
    full = configure(agents=AGENTS)
    Alarming(lambda: full, peer).tell(Alert((FOUND,), AT))
    assert len(peer.said) == 1


def test_an_alarm_reaches_the_other_process_as_it_is() -> None:
    summed = replace(ALARM, sum=True, more=2)
    for alarm in (ALARM, summed):
        assert notices.read(notices.line(alarm)) == alarm


NASTY = {
    "a mention": "<!channel>",
    "a link": "<https://evil.example|here>",
    "an override": "a\u202eb",
    "lines": "a\nSubject: b\r\n\r\nc",
    "long": "x" * 10_000,
}


@pytest.mark.parametrize("case", NASTY)
def test_no_text_does_anything_where_it_is_shown(case: str) -> None:
    """Names come from the configuration and reasons are ours; should that ever change, they are harmless."""
    alarm = replace(ALARM, found=(Misused(NASTY[case], NASTY[case], NASTY[case], 1, "d_1"),))
    title, shown = blocks.alarm(alarm)
    for text in (title, *slack_standin.texts({"blocks": shown, "text": title})):
        if text != "<@U0000ALICE> <@U00000BOB>":
            assert "<" not in text
        assert "\u202e" not in text
        assert "\n" not in text
    assert len(title) < 1500
    assert all("\n" not in line and len(line) < 1000 for line in words.lines(alarm))


async def test_the_real_process_tells_by_slack_by_mail_and_by_webhook(test_ca: Any) -> None:
    slack, mail, hooks = Slack(), MailServer(test_ca.context(), "starttls"), Receiver()
    settings = {
        "slack": {
            "channel": "C0123ABCD", "api": slack.url, "token": BOT_TOKEN, "app_token": APP_TOKEN,
            "signing_secret": SIGNING_SECRET,
        },
        "email": {
            "host": "localhost", "port": mail.port, "tls": "starttls", "ca": str(test_ca.root), "user": USER,
            "password": PASSWORD, "sender": "wharf@example.com",
        },
        "webhook": {"url": hooks.url, "secret": SECRET, "private": ["127.0.0.0/8"]},
    }  # fmt: skip

    async def hear(_: Any) -> None:
        return

    async def again() -> None:
        return

    beside = Beside(Setup("https://wharf.example.com", settings))
    assert beside.say(ALARM)
    running = asyncio.get_running_loop().create_task(beside.run(hear, again))
    try:
        async with asyncio.timeout(30):
            while not (slack.messages and len(mail.mails) == 2 and hooks.received):
                await asyncio.sleep(0.02)
        (message,) = slack.messages.values()
        shown = slack_standin.texts(message)
        line = f"support (owner bob): {REASON} [d_1]"
        assert line in shown
        assert "<@U0000ALICE> <@U00000BOB>" in shown
        for address in ALARM.addresses:
            told = mail.to(address)
            assert told["Subject"] == "Misuse: support"
            assert line in told.get_content()
        assert hooks.received[0]["type"] == "agent.misuse"
        assert hooks.received[0]["data"] == {
            "sum": False, "more": 0, "at": AT.isoformat(),
            "found": [
                {"agent": "support", "owner": "bob", "reason": REASON, "count": 1, "decision": "d_1"}
            ],
        }  # fmt: skip
        assert hooks.refused == 0
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        for each in (slack, mail, hooks):
            each.close()
