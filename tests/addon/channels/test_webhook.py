"""The webhook: signed, sent again until it is taken, to no address that it must not reach."""

# ruff: noqa: E501 - what is shown and told

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standins.hooks import SECRET, Receiver
from wharfinger.channels import webhook
from wharfinger.channels.card import Card, Line
from wharfinger.channels.notices import Ask, Settled
from wharfinger.channels.outbox import Outbox, Rejected, Unreachable
from wharfinger.channels.webhook import BadSecret, WebhookChannel, key_of, signature

CARD = Card(
    "a_1", "bot", ("Refund",), "POST https://a.example/", (Line("amount", "500"),), "p:1", "finance", (), (), "",
    "2 bytes", datetime.now(UTC) + timedelta(hours=1), whole=True,
)  # fmt: skip
ASK = Ask(CARD, ("webhook",))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    opened = Receiver()
    yield opened
    opened.close()


async def run(channel: WebhookChannel, receiver: Receiver, count: int, jobs: Any) -> list[Any]:
    """Post through a queue with short pauses until so many requests were received."""
    told: list[Any] = []
    outbox = Outbox("webhook", told.append, pause=0.01)
    for job in jobs:
        outbox.put(job)
    running = asyncio.get_running_loop().create_task(outbox.run())
    async with asyncio.timeout(20):
        while len(receiver.headers) < count or outbox._jobs:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    running.cancel()
    await channel.close()
    return told


async def test_questions_and_answers_are_posted_and_signed(receiver: Receiver):
    channel = WebhookChannel(receiver.url, SECRET, ["127.0.0.0/8"])
    settled = Settled(CARD, ("webhook",), "approved", "alice", "fine")
    await run(channel, receiver, 2, [*channel.asked(ASK), *channel.settled(settled)])
    asked, answered = receiver.received
    assert asked["type"] == "approval.pending"
    assert asked["data"]["inputs"] == [["amount", "500", ""]]
    assert answered["type"] == "approval.approved"
    assert answered["data"]["person"] == "alice"
    assert receiver.refused == 0


async def test_it_is_sent_again_under_the_same_id_until_it_is_taken(receiver: Receiver):
    receiver.answers += [(500, {}), (429, {"Retry-After": "0"}), (503, {})]
    channel = WebhookChannel(receiver.url, SECRET, ["127.0.0.0/8"])
    told = await run(channel, receiver, 4, channel.asked(ASK))
    assert len({headers["webhook-id"] for headers in receiver.headers}) == 1
    assert len(receiver.received) == 4
    assert [health.up for health in told] == [False, True]


@pytest.mark.parametrize("status", [301, 302, 307, 308, 410])
async def test_a_redirect_is_not_followed(receiver: Receiver, status: int):
    receiver.answers += [(status, {"Location": receiver.url + "/elsewhere"})]
    channel = WebhookChannel(receiver.url, SECRET, ["127.0.0.0/8"])
    told = await run(channel, receiver, 1, channel.asked(ASK))
    assert len(receiver.headers) == 1
    assert not told[-1].up
    assert str(status) in told[-1].why


@pytest.mark.parametrize(
    ("address", "private", "good"),
    [
        ("93.184.216.34", (), True), ("2606:2800:220:1::1", (), True), ("127.0.0.1", (), False),
        ("10.0.0.5", (), False), ("10.0.0.5", ("10.0.0.0/8",), True), ("10.0.0.5", ("192.168.0.0/16",), False),
        ("169.254.169.254", ("0.0.0.0/0",), False), ("::ffff:127.0.0.1", (), False),
        ("::ffff:169.254.169.254", ("::/0",), False), ("fd00:ec2::254", ("::/0",), False), ("::1", (), False),
        ("64:ff9b::7f00:1", (), False), ("100.100.100.200", ("100.64.0.0/10",), False), ("0.0.0.0", (), False),
    ],
)  # fmt: skip
async def test_addresses(monkeypatch: Any, address: str, private: tuple[str, ...], good: bool):
    async def resolved(*args: Any, **more: Any) -> Any:
        public = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 443))
        return [public, (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved)
    networks = WebhookChannel("https://a.example/", SECRET, private)._private
    if good:
        assert str(await webhook.checked_address("a.example", 443, networks)) == "93.184.216.34"
    else:
        with pytest.raises(Rejected, match="may not be dialled"):
            await webhook.checked_address("a.example", 443, networks)


async def test_the_address_that_was_checked_is_dialled_under_the_name(monkeypatch: Any):
    """And the certificate is held against the name."""
    import httpx2

    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(204)

    async def resolved(*args: Any, **more: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 443))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved)
    channel = WebhookChannel("https://hooks.example.com/in?x=1", SECRET, (), httpx2.MockTransport(answer))
    await channel.asked(ASK)[0].work()
    (request,) = seen
    assert request.url.host == "93.184.216.34"
    assert request.headers["host"] == "hooks.example.com"
    assert request.extensions["sni_hostname"] == "hooks.example.com"
    assert request.url.raw_path == b"/in?x=1"


async def test_a_receiver_that_is_away_is_unreachable(receiver: Receiver):
    url = receiver.url
    receiver.close()
    with pytest.raises(Unreachable):
        await WebhookChannel(url, SECRET, ["127.0.0.0/8"]).asked(ASK)[0].work()
    receiver.__post_init__()


def test_the_vector_of_the_specification():
    """From standard-webhooks/spec: the example of a symmetric signature."""
    key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    assert signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!!", "whsec_" + "A" * 16]
)
def test_what_is_no_secret(secret: str):
    with pytest.raises(BadSecret):
        key_of(secret)


async def test_a_message_of_another_time_has_another_id(receiver: Receiver):
    channel = WebhookChannel(receiver.url, SECRET, ["127.0.0.0/8"])
    jobs = [*channel.asked(ASK), *channel.asked(replace(ASK, again=True))]
    await run(channel, receiver, 2, jobs)
    assert len({headers["webhook-id"] for headers in receiver.headers}) == 2
