"""Invariant 11: what there is of anything is counted in total and per agent; nobody takes more than half."""

from __future__ import annotations

import asyncio
import ssl
import threading
from typing import Any

import pytest
from wharfinger import turns
from wharfinger.deciding.gate import Gate
from wharfinger.deciding.live import ASIDE, LARGE_BODY
from wharfinger.flow import dial, held
from wharfinger.flow.held import Held
from wharfinger.flow.shares import Shares
from wharfinger.running.wiring import THREADS

from tests.addon.flow.conftest import SETTINGS
from tests.addon.flow.test_agents_ending import command
from tests.addon.flow.test_dial import dialer

JSON = [("Content-Type", "application/json")]


def body(size: int) -> bytes:
    return b'{"name": "%b"}' % (b"x" * size)


# Bodies.


def test_one_agent_has_half_and_all_have_the_whole() -> None:
    room = Held(100)
    assert [room.take("a", 30), room.take("a", 20), room.take("a", 1)] == [True, True, False]
    assert [room.take("b", 50), room.take("c", 1)] == [True, False]
    room.give_back("a", 30)
    assert [room.take("c", 30), room.take("c", 1), room.total] == [True, False, 100]
    for agent, size in (("a", 20), ("b", 50), ("c", 30)):
        room.give_back(agent, size)
    assert (room.total, dict(room._by_agent)) == (0, {})


async def _half_sent(proxy: Any, agent: str, size: int) -> Any:
    """A request of which all but the last byte has been sent."""
    tunnel = await proxy.connect(agent=agent)
    fields = [*JSON, ("Content-Length", str(size))]
    tunnel.writer.write(proxy.raw("POST", "/items", fields, key=False) + body(size)[: size - 1])
    room = proxy.runtime.sessions.held
    before = room.total
    async with asyncio.timeout(5):
        while room.total < before + size - 1:
            await asyncio.sleep(0.01)
    return tunnel


async def test_bodies_that_are_held_have_an_end_for_each_agent_and_for_all(proxy: Any, origin: Any) -> None:
    room = proxy.runtime.sessions.held
    assert room.most == held.BODIES * 1024 * 1024, "positive control: eight of the largest"
    room.most = 800_000
    first = await _half_sent(proxy, "bot", 300_000)
    refused = await proxy.request("POST", "/items", JSON, body(200_000))
    assert (refused.status, refused.code) == (403, "limit")
    assert "keeps in memory" in refused.json["message"]
    assert origin.bytes_received == 0
    other = await _half_sent(proxy, "second", 300_000)
    assert (await proxy.request("POST", "/items", JSON, body(50_000))).status == 200, "what is left"
    for tunnel in (first, other):
        tunnel.writer.transport.abort()
    async with asyncio.timeout(5):
        while room.total:
            await asyncio.sleep(0.01)
    assert (await proxy.request("POST", "/items", JSON, body(200_000))).status == 200, "it was given back"
    await proxy.settled()
    assert room.total == 0


async def test_what_was_held_is_given_back_on_a_connection_that_goes_on(proxy: Any) -> None:
    room = proxy.runtime.sessions.held
    room.most = 800_000
    tunnel = await proxy.connect()
    for _ in range(4):
        assert (await tunnel.request("POST", "/items", JSON, body(200_000))).status == 200
        assert (await tunnel.request("DELETE", "/items/1")).status == 403
    assert room.total == 0


async def test_answers_that_are_held_to_be_redacted_have_an_end_too(
    proxy: Any, origin: Any, reply: Any
) -> None:
    room = proxy.runtime.sessions.held
    room.most = 400_000
    chunk = b" " * 150_000
    origin.answer = lambda _seen: reply(
        headers=[("Content-Type", "application/json")], chunks=[b"{", chunk, *[b" "] * 400, b"}"], delay=0.01
    )
    first, second = await proxy.connect(), await proxy.connect()
    first.writer.write(proxy.raw("GET", "/masked/1"))
    async with asyncio.timeout(5):
        while room.total < 150_000:
            await asyncio.sleep(0.01)
    assert (await second.request("GET", "/masked/1")).status == 502
    assert (await first.receive()).status == 200, "who was first goes on"
    origin.answer = lambda _seen: reply(
        headers=[("Content-Type", "application/json")], chunks=[b"{", chunk, b"}"]
    )
    assert (await first.request("GET", "/masked/1")).status == 200, "it was given back"
    outcomes = [event for event in await proxy.settled() if event["kind"] == "outcome"]
    assert sorted(event["outcome"] for event in outcomes) == ["completed", "completed", "withheld"]
    (withheld,) = [event for event in outcomes if event["outcome"] == "withheld"]
    assert "keeps in memory" in withheld["reason"]
    assert room.total == 0


# Certificates.


def test_one_agents_many_hosts_push_out_its_own_only() -> None:
    kept: Shares[int] = Shares(10)
    for number in range(4):
        kept.put("b", f"b{number}", number)
    for number in range(100):
        kept.put("a", f"a{number}", number)
    assert [kept.get("b", f"b{number}") for number in range(4)] == [0, 1, 2, 3]
    assert kept.get("a", "a94") is None
    assert kept.get("a", "a95") == 95, "it has half"
    for number in range(4):
        kept.put("c", f"c{number}", number)
    assert len(kept) == 10
    assert [kept.get("c", f"c{number}") for number in range(4)] == [0, 1, 2, 3], "who has most makes room"


async def test_a_certificate_is_made_once_and_shown_again(proxy: Any) -> None:
    (tls,) = (one for one in proxy.runtime.master.table.concerns if type(one).__name__ == "Tls")
    for _ in range(3):
        assert (await proxy.request("GET", "/items/1")).status == 200
    await proxy.connect(agent="second")
    assert len(tls._contexts) == 2


async def test_new_hosts_have_a_rate_for_each_agent_and_known_ones_do_not(proxy: Any) -> None:
    await proxy.connect("api.example.com")
    proxy.runtime.minting._rate = 0.0  # nothing comes back while the test runs
    minting = proxy.runtime.minting
    minting._all.left, minting._by_agent["bot"].left = 3.0, 1.0
    await proxy.connect("one.example.com")
    for _ in range(3):
        with pytest.raises((OSError, ssl.SSLError)):
            await proxy.connect("two.example.com")
    await proxy.connect("one.example.com")
    assert (await proxy.request("GET", "/items/1")).status == 200, "a certificate that is there is no new one"
    await proxy.connect("two.example.com", agent="second")
    await proxy.connect("two.example.com")  # which is there now, for all
    assert minting.refused == {"bot": 3}
    refused = [event for event in await proxy.settled() if event.get("code") == "limit"]
    assert sum(event.get("count", 1) for event in refused) == 3
    assert {event["agent"] for event in refused} == {"bot"}
    assert "certificates" in refused[0]["reason"]


# Events.


async def test_a_flood_of_what_is_allowed_is_refused_and_told_of_in_counts(proxy: Any, origin: Any) -> None:
    rate = proxy.runtime.gate.rate
    assert (rate._rate, rate._room) == (10_000, 10_000), "positive control: what the settings say"
    tunnel, other = await proxy.connect(), await proxy.connect(agent="second")
    assert (await tunnel.request("GET", "/items/1")).status == 200
    rate._rate = 0.0
    rate._by_agent["bot"].left = 6.0
    answers = [await tunnel.request("GET", "/items/1") for _ in range(40)]
    assert [answer.status for answer in answers] == [200] * 3 + [403] * 37
    assert {answer.code for answer in answers[3:]} == {"limit"}
    assert "more slowly" in answers[-1].json["message"]
    key = [("Authorization", f"Bearer {proxy.placeholder(agent='second')}")]
    assert (await other.request("GET", "/items/1", key, key=False)).status == 200, "it has its own half"
    denied = await tunnel.request("DELETE", "/items/1")
    assert denied.code == "denied", "what is denied anyway is told as ever"
    told = await proxy.settled()
    beyond = [event for event in told if event.get("code") == "limit"]
    assert sum(event.get("count", 1) for event in beyond) == 37
    assert len(beyond) < 10
    assert len(origin.requests) == 5


# Turns.


@pytest.mark.parametrize("suspended", [False, True], ids=["goes on", "suspended meanwhile"])
async def test_what_waits_for_its_turn_when_the_book_is_synced_is_checked_after_it(
    proxy: Any, origin: Any, monkeypatch: pytest.MonkeyPatch, *, suspended: bool
) -> None:
    admitted, turn, admit = asyncio.Event(), asyncio.Event(), Gate.admit

    async def admitting(gate: Gate, *given: Any) -> Any:
        answer = await admit(gate, *given)
        admitted.set()
        await turn.wait()
        return answer

    monkeypatch.setattr(Gate, "admit", admitting)
    asking = asyncio.get_running_loop().create_task(proxy.request("GET", "/items/1"))
    await asyncio.wait_for(admitted.wait(), 10)
    assert origin.bytes_received == 0, "not even dialled"
    if suspended:
        await command(proxy, "agents.suspend", agent="bot", reason="odd")
    turn.set()
    answered = await asking
    assert answered.status == (403 if suspended else 200)
    assert bool(origin.requests) is not suspended


async def test_a_request_is_served_in_its_agents_turns_from_first_to_last(
    proxy: Any, origin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All steps but those of what serves everybody: the book's, and the store's."""
    loop = asyncio.get_running_loop()
    lines, taken = list[str](), turns.Turns._list

    def listed(self: turns.Turns, line: Any) -> None:
        lines.extend(agent for agent, each in self._lines.items() if each is line)
        taken(self, line)

    monkeypatch.setattr(turns.Turns, "_list", listed)
    assert isinstance(loop, turns.Loop)
    assert (await proxy.request("GET", "/items/1")).status == 200
    assert set(lines) == {"", "bot"}
    assert lines.index("bot") < len(lines) // 2, "only until it has said who it is"
    assert "" not in lines[lines.index("bot") :]


# Connections.


async def test_the_silent_do_not_keep_those_out_who_say_who_they_are(proxy: Any) -> None:
    proxy.runtime.master.listener._most = 8
    silent = [await proxy.open() for _ in range(6)]
    assert (await proxy.request("GET", "/items/1")).status == 200
    assert await asyncio.wait_for(silent[0][0].read(), 5) == b"", "the oldest is cut off"
    assert not silent[-1][0].at_eof(), "positive control: the newest is not"


async def test_an_agent_has_at_most_half_of_all_connections(
    start: Any, origin: Any, plain_origin: Any
) -> None:
    settings = SETTINGS.format(port=origin.port, plain=plain_origin.port)
    settings = settings.replace(
        "per_agent: {holds: 4}", "connections: 6, per_agent: {connections: 6, holds: 4}"
    )
    async with start({"wharfinger.yaml": settings}) as proxy:
        mine = [await proxy.connect() for _ in range(3)]
        with pytest.raises(ConnectionError):
            await proxy.connect()
        assert await proxy.connect(agent="second"), "there is room for others"
        for tunnel in mine:
            assert (await tunnel.request("GET", "/items/1")).status == 200


# Threads.


async def test_large_requests_of_one_agent_do_not_keep_those_of_others_waiting(
    proxy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, inside, most = threading.Event(), [0], [0]
    live = proxy.runtime.live
    real = live.decide

    def decide(request: Any, session: Any, **more: Any) -> Any:
        if session.who.agent == "bot":
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            release.wait(10)
            inside[0] -= 1
        return real(request, session, **more)

    monkeypatch.setattr(live, "decide", decide)
    loop = asyncio.get_running_loop()
    asking = [
        loop.create_task(proxy.request("POST", "/items", JSON, body(LARGE_BODY))) for _ in range(THREADS)
    ]
    async with asyncio.timeout(5):
        while not inside[0]:
            await asyncio.sleep(0.01)
    tunnel = await proxy.connect(agent="second")
    raw = proxy.raw("POST", "/items", JSON, body(LARGE_BODY), key=False)
    async with asyncio.timeout(5):
        assert (await tunnel.send(raw)).status in {200, 403}
    release.set()
    assert {answered.status for answered in await asyncio.gather(*asking)} == {200}
    assert most[0] <= ASIDE


async def test_names_that_are_not_answered_keep_only_those_waiting_who_ask_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    silent = asyncio.Event()

    async def getaddrinfo(_self: Any, host: str, port: int, **_more: Any) -> Any:
        asked.append(host)
        if host.startswith("dead"):
            await silent.wait()
        return [(2, 1, 6, "", ("93.184.216.34", port))]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(dial, "RESOLVE_TIMEOUT", 0.1)
    dialing, loop = dialer(), asyncio.get_running_loop()
    waiting = [loop.create_task(dialing.resolve(f"dead{n}.example", 443, "a")) for n in range(20)]
    assert len(await dialing.resolve("alive.example", 443, "b")) == 1
    came = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(one, dial.DialRefused) for one in came)
    assert sum(host.startswith("dead") for host in asked) == dial.LOOK_UPS, "their threads are still occupied"
    with pytest.raises(dial.DialRefused, match="in time"):
        await dialing.resolve("alive.example", 443, "a")
    silent.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(await dialing.resolve("alive.example", 443, "a")) == 1
    assert dial.LOOK_UPS + ASIDE <= THREADS // 2
