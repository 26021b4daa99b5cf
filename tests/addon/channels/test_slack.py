"""Slack, with its own package, against a stand-in that speaks its protocols."""

# ruff: noqa: E501 - tables of payloads

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standins import slack as standin
from standins.slack import APP_TOKEN, BOT_TOKEN, SIGNING_SECRET, Slack, button
from wharfinger.channels import blocks
from wharfinger.channels.card import Card, Line
from wharfinger.channels.notices import Answer, Ask, Heard, Interaction, Posted, Replied, Settled
from wharfinger.channels.outbox import Job, Rejected, Unreachable
from wharfinger.channels.slack import SlackChannel, pressed
from wharfinger.channels.slack_http import WINDOW, Signed


def card(**changes: Any) -> Card:
    usual = Card(
        "a_1", "bot", ("Refund a payment (refund, write)",), "POST https://api.example.com/v1/refunds",
        (Line("amount", "500"),), "policies/support.yaml:12", "finance", ("40 of 100: a write",), (), "",
        "2 bytes", datetime.now(UTC) + timedelta(hours=1), whole=True,
    )  # fmt: skip
    return replace(usual, **changes)


def ask(**changes: Any) -> Ask:
    said = {"approve": "wb_approve_a_1_x", "deny": "wb_deny_a_1_x"}
    return Ask(card(**changes), ("slack",), ("U0000ALICE",), said)


@dataclass
class Bench:
    server: Slack
    channel: SlackChannel
    said: list[Any]
    health: list[tuple[bool, str]]
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def of[T](self, kind: type[T]) -> list[T]:
        return [notice for notice in self.said if isinstance(notice, kind)]

    async def listen(self) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(self.channel.listen()))
        await self.until(lambda: bool(self.health) and self.health[-1][0])

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.01)

    async def do(self, jobs: list[Job]) -> None:
        for job in jobs:
            await job.work()


@pytest.fixture(scope="module")
def server() -> Any:
    opened = Slack()
    yield opened
    opened.close()


@pytest.fixture
async def bench(server: Slack) -> AsyncIterator[Bench]:
    server.down = ""
    for kept in (
        server.messages,
        server.updates,
        server.whispers,
        server.views,
        server.calls,
        server.replies,
    ):
        kept.clear()
    said: list[Any] = []
    health: list[tuple[bool, str]] = []
    settings = {
        "channel": "C0123ABCD", "token": BOT_TOKEN, "app_token": APP_TOKEN, "signing_secret": SIGNING_SECRET,
        "api": server.url,
    }  # fmt: skip
    channel = SlackChannel(
        settings, "https://wharf.example.com", said.append, lambda up, why: health.append((up, why))
    )
    made = Bench(server, channel, said, health)
    yield made
    for task in made.tasks:
        task.cancel()
    await asyncio.gather(*made.tasks, return_exceptions=True)
    await channel.close()


# Posting


async def test_a_question_is_posted_and_changed_when_it_is_answered(bench: Bench):
    await bench.do(bench.channel.asked(ask()))
    (place, message) = bench.server.question()
    assert bench.of(Posted) == [Posted("slack", "a_1", {"channel": place[0], "ts": place[1]})]
    assert button(message, "Approve") == (blocks.APPROVE, "wb_approve_a_1_x")
    assert button(message, "Deny") == (blocks.DENY, "wb_deny_a_1_x")
    assert "<@U0000ALICE>" in standin.texts(message)
    await bench.do(bench.channel.settled(Settled(card(), ("slack",), "approved", "alice", "fine")))
    (update,) = bench.server.updates
    assert "This is approved by alice: fine" in standin.texts(update)
    assert not any(block["type"] == "actions" for block in update["blocks"])


async def test_an_answer_after_a_restart_finds_its_message(bench: Bench):
    await bench.do(bench.channel.asked(ask()))
    place = bench.of(Posted)[0].place
    bench.channel._places.clear()
    await bench.do(bench.channel.settled(Settled(card(), ("slack",), "expired", "", "", place)))
    assert bench.server.updates[0]["ts"] == place["ts"]


async def test_those_asked_later_are_told_below_the_question(bench: Bench):
    await bench.do(bench.channel.asked(ask()))
    await bench.do(bench.channel.asked(ask()))
    assert len(bench.server.messages) == 1
    await bench.do(bench.channel.asked(replace(ask(), members=("U00000BOB",), again=True)))
    (reply,) = bench.server.replies
    assert "<@U00000BOB>" in reply["text"]


async def test_there_is_no_button_to_approve_what_is_not_shown_whole(bench: Bench):
    for changes in ({"whole": False}, {"inputs": (Line("note", "x" * 601),)}, {"where": "POST " + "x" * 700},
                    {"inputs": tuple(Line(f"n{i}", "1") for i in range(31))},
                    {"inputs": tuple(Line(f"n{i}", "x" * 500) for i in range(8))}):  # fmt: skip
        bench.server.messages.clear()
        bench.channel._places.clear()
        await bench.do(bench.channel.asked(ask(**changes)))
        _, message = bench.server.question()
        with pytest.raises(AssertionError, match="no button"):
            button(message, "Approve")
        assert button(message, "Deny")[0] == blocks.DENY
        assert button(message, "See all of it")
        assert any("too long" in text for text in standin.texts(message))


@pytest.mark.parametrize(
    ("down", "kind"),
    [
        ("gone", Unreachable), ("ratelimited", Unreachable), ("internal_error", Unreachable),
        ("invalid_auth", Unreachable), ("not_in_channel", Unreachable), ("invalid_blocks", Rejected),
        ("msg_too_long", Rejected),
    ],
)  # fmt: skip
async def test_what_goes_wrong_is_told_apart(bench: Bench, down: str, kind: type[Exception]):
    bench.server.down = down
    with pytest.raises(kind) as told:
        await bench.do(bench.channel.asked(ask()))
    assert "xoxb" not in str(told.value)
    if down == "ratelimited":
        assert told.value.pause == 1.0  # type: ignore[attr-defined]


# Socket Mode


async def test_a_button_pressed_is_acknowledged_and_told(bench: Bench):
    await bench.listen()
    await bench.do(bench.channel.asked(ask()))
    place, message = bench.server.question()
    envelope = bench.server.send(bench.server.pressed(place, *button(message, "Approve"), "U0000ALICE"))
    await bench.until(lambda: bool(bench.of(Answer)))
    (answer,) = bench.of(Answer)
    assert (answer.value, answer.sender) == ("wb_approve_a_1_x", "U0000ALICE")
    assert answer.place == {"channel": place[0], "ts": place[1]}
    await bench.until(lambda: envelope in bench.server.acknowledged)


async def test_a_denial_asks_for_a_reason_first(bench: Bench):
    await bench.listen()
    await bench.do(bench.channel.asked(ask()))
    place, message = bench.server.question()
    bench.server.send(bench.server.pressed(place, *button(message, "Deny"), "U0000ALICE"))
    await bench.until(lambda: bool(bench.server.views))
    assert not bench.of(Answer)
    bench.server.send(bench.server.submitted(bench.server.views[0], "not today", "U00000BOB"))
    await bench.until(lambda: bool(bench.of(Answer)))
    (answer,) = bench.of(Answer)
    assert (answer.value, answer.reason, answer.sender) == ("wb_deny_a_1_x", "not today", "U00000BOB")
    assert answer.place == {"channel": place[0], "ts": place[1]}


async def test_whoever_pressed_is_told_alone_why_it_did_not_count(bench: Bench):
    await bench.listen()
    await bench.do(bench.channel.asked(ask()))
    place, message = bench.server.question()
    bench.server.send(bench.server.pressed(place, *button(message, "Approve"), "U00000EVE"))
    await bench.until(lambda: bool(bench.of(Answer)))
    bench.channel.heard(Heard(bench.of(Answer)[0].ref, good=False, said="you <!channel> may not"))
    await bench.until(lambda: bool(bench.server.whispers))
    (whisper,) = bench.server.whispers
    assert (whisper["user"], whisper["channel"]) == ("U00000EVE", place[0])
    assert whisper["text"] == "That did not count: you &lt;!channel&gt; may not"


async def test_a_connection_that_slack_ends_is_opened_again(bench: Bench):
    await bench.listen()
    before = bench.server.connections
    bench.server.disconnect()
    await bench.until(lambda: bench.server.connections > before and bool(bench.server._sockets))
    place = ("C0123ABCD", "1.0")
    async with asyncio.timeout(20):
        while not bench.of(Answer):  # pressed again if it was told to a connection that ended just then
            bench.server.send(bench.server.pressed(place, blocks.APPROVE, "wb_approve_a_2_x", "U0000ALICE"))
            await asyncio.sleep(0.5)


@pytest.mark.parametrize("changed", ["team of the user", "team", "both"])
async def test_somebody_of_another_workspace_is_left_alone(bench: Bench, changed: str):
    """In a channel that workspaces share, people of others press buttons, too."""
    await bench.listen()
    place = ("C0123ABCD", "1.0")
    payload = bench.server.pressed(place, blocks.APPROVE, "wb_approve_a_1_x", "U0000ALICE")
    if changed != "team":
        payload["user"]["team_id"] = "T9999OTHER"
    if changed != "team of the user":
        payload["team"]["id"] = "T9999OTHER"
    bench.server.send(payload)
    ours = bench.server.pressed(place, blocks.APPROVE, "wb_approve_ours_x", "U0000ALICE")
    bench.server.send(ours)
    await bench.until(lambda: bool(bench.of(Answer)))
    assert [answer.value for answer in bench.of(Answer)] == ["wb_approve_ours_x"]


# Payloads


@pytest.mark.parametrize(
    "broken",
    [
        lambda p: p | {"type": "message_action"}, lambda p: p | {"actions": []}, lambda p: p | {"user": None},
        lambda p: p | {"actions": p["actions"] * 2}, lambda p: p | {"container": p["container"] | {"type": "view"}},
        lambda p: p | {"container": "message"}, lambda p: p | {"actions": [{"action_id": "other", "value": "x"}]},
        lambda p: {"type": "view_submission"}, lambda p: {}, lambda p: {"type": "shortcut"},
        lambda p: {"type": "view_submission", "user": {"id": "U1"}, "view": {"callback_id": blocks.REASON, "private_metadata": "{"}},
    ],
)  # fmt: skip
def test_what_is_no_answer_is_none(server: Slack, broken: Any):
    whole = server.pressed(("C1", "1.0"), blocks.APPROVE, "v", "U1")
    assert pressed(whole) is not None
    assert pressed(broken(whole)) is None


# Signed HTTP


def test_what_slack_has_signed_is_read_once():
    signed = Signed(SIGNING_SECRET)
    given = standin.signed({"type": "block_actions"})
    assert signed.payload(*given) == {"type": "block_actions"}
    assert signed.payload(*given) is None, "a replay"


NOW = time.time()


def resigned(change: Callable[[str], str]) -> tuple[str, str, str]:
    timestamp, signature, body = standin.signed({}, at=NOW)
    return timestamp, change(signature), body


HTTP = {
    "five minutes and a second old": lambda: standin.signed({}, at=NOW - WINDOW - 1),
    "from the future": lambda: standin.signed({}, at=NOW + WINDOW + 1),
    "another secret": lambda: standin.signed({}, secret="0" * 32),
    "another body": lambda: (*standin.signed({})[:2], standin.signed({"a": 1})[2]),
    "another time": lambda: (str(int(NOW) - 1), *standin.signed({}, at=NOW)[1:]),
    "no signature": lambda: (standin.signed({})[0], "", standin.signed({})[2]),
    "another version": lambda: resigned(lambda signature: signature.replace("v0", "v1")),
    "a letter of the signature": lambda: resigned(lambda signature: signature[:-1] + "x"),
    "no number for a time": lambda: ("now", *standin.signed({})[1:]),
    "other digits": lambda: ("１" * 10, *standin.signed({})[1:]),
    "an endless time": lambda: ("9" * 5000, *standin.signed({})[1:]),
    "signature beyond ASCII": lambda: (standin.signed({})[0], "v0=é", standin.signed({})[2]),
}


@pytest.mark.parametrize("case", HTTP)
def test_what_slack_has_not_signed_is_not_read(case: str):
    signed = Signed(SIGNING_SECRET, lambda: NOW)
    assert signed.payload(*standin.signed({}, at=NOW)) == {}
    assert Signed(SIGNING_SECRET, lambda: NOW).payload(*HTTP[case]()) is None


async def test_an_interaction_by_http(bench: Bench):
    await bench.listen()
    payload = bench.server.pressed(("C0123ABCD", "1.0"), blocks.APPROVE, "wb_approve_a_3_x", "U0000ALICE")
    given = standin.signed(payload)
    for _ in range(2):
        bench.channel.interact(Interaction(1, *given))
    assert [reply.status for reply in bench.of(Replied)] == [200, 401]
    await bench.until(lambda: bool(bench.of(Answer)))
    await asyncio.sleep(0.05)
    assert [answer.value for answer in bench.of(Answer)] == ["wb_approve_a_3_x"]
