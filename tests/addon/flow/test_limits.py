"""Limits at the gate of a running proxy: exact under concurrency, given back when nothing came of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from wharfinger.deciding.permits import Session
from wharfinger.rules.types import Request, Verdict

from tests.addon.flow.conftest import POLICY

JSON = [("Content-Type", "application/json")]


def files(*limits: str, policy: str = POLICY) -> dict[str, str]:
    lines = "".join(f"  - {limit}\n" for limit in limits)
    return {"policies/everyday.yaml": f"{policy}limits:\n{lines}"}


class Here:
    """A client that stays."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()


def session(proxy: Any, run: str = "") -> Session:
    from dataclasses import replace

    known = proxy.runtime.live.callers.identify("bot", proxy.token())
    assert known is not None
    return replace(known, who=replace(known.who, run=run)) if run else known


def asked(proxy: Any, body: bytes = b"", method: str = "GET", target: str = "/items/1") -> Request:
    fields = [("Host", "api.example.com"), ("Authorization", f"Bearer {proxy.placeholder()}")]
    fields += [*JSON, ("Content-Length", str(len(body)))] if body else []
    return Request("bot", method, "https", "api.example.com", 443, target, tuple(fields), body)


async def race(proxy: Any, request: Request, times: int) -> int:
    """How many of so many requests at once the gate opens."""
    gate, who = proxy.runtime.gate, session(proxy)
    answers = await asyncio.gather(*(gate.admit(request, who, Here()) for _ in range(times)))
    return sum(answer.permit is not None for answer in answers)


@pytest.mark.timeout(120)
async def test_of_a_thousand_at_once_exactly_as_many_as_the_limit_pass(start: Any) -> None:
    async with start(files("{tool: get_item, calls: 20/hour}")) as proxy:
        assert await race(proxy, asked(proxy), 1000) == 20


@pytest.mark.timeout(120)
async def test_the_same_where_decisions_are_made_in_threads(start: Any) -> None:
    """A body over `LARGE_BODY` is decided aside, while others take what is left."""
    async with start(files("{tool: create_item, calls: 5/hour}")) as proxy:
        body = b'{"name": "%b"}' % (b"x" * 70_000)
        assert await race(proxy, asked(proxy, body, "POST", "/items"), 60) == 5


async def test_sums_are_exact_and_absent_or_negative_values_refused(start: Any, origin: Any) -> None:
    async with start(files("{tool: create_item, sum: {amount: 10/day}}")) as proxy:

        async def make(amount: str) -> Any:
            return await proxy.request("POST", "/items", JSON, b'{"name": "x"%b}' % amount.encode())

        assert (await make(', "amount": 7')).status == 200
        over = await make(', "amount": 4')
        assert (over.status, over.code) == (403, "limit")
        assert "10 amount of create_item in any day" in over.json["message"]
        assert "retry-after" not in over.headers
        for wrong in ("", ', "amount": -1'):
            refused = await make(wrong)
            assert (refused.status, refused.code) == (403, "denied")
        assert (await make(', "amount": 3')).status == 200
        assert len(origin.requests) == 2


async def test_what_comes_to_nothing_is_given_back(start: Any, origin: Any, reply: Any) -> None:
    async with start(files("{tool: get_item, calls: 2/hour}")) as proxy:
        origin.answer = lambda _seen: reply(status=404)
        for _ in range(4):
            assert (await proxy.request("GET", "/items/1")).status == 404
            await proxy.settled()
        origin.answer = lambda _seen: reply(status=500)
        for expected in (500, 500, 403):
            assert (await proxy.request("GET", "/items/1")).status == expected
            await proxy.settled()
        assert len(await proxy.runtime.desk.store.run(_rows)) == 2


async def test_what_was_not_sent_is_given_back(start: Any, origin: Any) -> None:
    async with start(files("{tool: get_item, calls: 1/hour}")) as proxy:
        port = origin.port
        await origin.stop()
        for _ in range(3):
            answered = await proxy.request("GET", "/items/1")
            assert (answered.status, answered.code) == (502, "upstream")
            await proxy.settled()
        assert port


async def test_beyond_a_limit_a_person_may_let_one_call_through(start: Any, origin: Any) -> None:
    ask = "{tool: get_item, calls: 1/hour, then: ask, approvers: [alice]}"
    async with start(files(ask)) as proxy:
        assert (await proxy.request("GET", "/items/1")).status == 200
        waiting = asyncio.get_running_loop().create_task(proxy.request("GET", "/items/1"))
        approvals = proxy.runtime.desk.approvals
        while not (found := await approvals.list()):
            await asyncio.sleep(0.02)
        await approvals.approve(found[0].id, "alice")
        assert (await waiting).status == 200
        used = proxy.runtime.live.facts(session(proxy)).counters
        counts = [used.used(key, window) for key, window in _keys(proxy)]
        assert counts == [2], "it counts as well"


async def test_an_approval_does_not_override_a_limit_that_denies(start: Any, origin: Any) -> None:
    async with start(files("{tool: pay, calls: 1/hour}")) as proxy:
        proxy_approvals = proxy.runtime.desk.approvals

        async def pay(amount: int) -> Any:
            return await proxy.request("POST", "/pay", JSON, b'{"amount": %d}' % amount)

        waiting = [asyncio.get_running_loop().create_task(pay(amount)) for amount in (1, 2)]
        while len(found := await proxy_approvals.list()) < 2:
            await asyncio.sleep(0.02)
        for one in found:
            await proxy_approvals.approve(one.id, "alice")
        answered = sorted([(await one).status for one in waiting])
        assert answered == [200, 403]
        assert len(origin.requests) == 1


async def test_a_run_is_counted_for_itself_and_none_is_denied(start: Any) -> None:
    async with start(files("{tool: get_item, calls: 1/run}")) as proxy:
        answered = await proxy.request("GET", "/items/1")
        assert (answered.status, answered.code) == (403, "denied")
        assert "counts by run" in answered.json["message"]
        gate = proxy.runtime.gate
        for run in ("r1", "r2"):
            proxy.runtime.live.callers.begin_run(run, "bot", None)
            opened = [await gate.admit(asked(proxy), session(proxy, run), Here()) for _ in range(2)]
            assert [one.permit is not None for one in opened] == [True, False]


async def test_a_stream_under_way_is_not_cut_off_by_the_limit_it_counts_for(
    start: Any, origin: Any, reply: Any
) -> None:
    origin.answer = lambda _seen: reply(chunks=[b"x"] * 10, delay=0.05)
    async with start(files("{tool: get_item, calls: 1/hour}")) as proxy:
        tunnel = await proxy.connect()
        tunnel.writer.write(proxy.raw("GET", "/items/1"))
        await tunnel.reader.readuntil(b"\r\n\r\n")
        proxy.runtime.live.deny(())
        rest = await asyncio.wait_for(tunnel.reader.readuntil(b"0\r\n\r\n"), 5)
        assert rest.endswith(b"0\r\n\r\n")


async def test_counts_survive_a_restart(start: Any, origin: Any) -> None:
    limited = files("{tool: get_item, calls: 2/hour}")
    async with start(limited) as proxy:
        assert (await proxy.request("GET", "/items/1")).status == 200
    async with start(limited) as proxy:
        assert (await proxy.request("GET", "/items/1")).status == 200
        assert (await proxy.request("GET", "/items/1")).code == "limit"
    async with start(limited) as proxy:
        assert (await proxy.request("GET", "/items/1")).code == "limit"


async def test_not_kept_not_sent(start: Any, origin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from wharfinger.faults import StoreUnavailable

    async with start(files("{tool: get_item, calls: 1/hour}")) as proxy:

        async def failing(decision: str) -> None:
            raise StoreUnavailable("the disk is full")

        monkeypatch.setattr(proxy.runtime.desk.ledger, "keep", failing)
        answered = await proxy.request("GET", "/items/1")
        assert (answered.status, answered.code) == (502, "unavailable")
        assert origin.requests == []
        assert (await proxy.request("GET", "/masked/1")).status == 200, "what has no limit goes on"
        monkeypatch.undo()
        assert (await proxy.request("GET", "/items/1")).status == 200, "it has not been counted"


async def test_what_has_no_intent_counts_for_nothing(
    start: Any, origin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kept already, and then the book cannot be written: nothing is sent, and the count is taken back."""
    from wharfinger.audit.errors import BookUnavailable

    async with start(files("{tool: get_item, calls: 1/hour}")) as proxy:

        async def failing(event: object) -> object:
            raise BookUnavailable("the disk is full")

        monkeypatch.setattr(type(proxy.runtime.desk.book), "write", lambda _self, event: failing(event))
        assert (await proxy.request("GET", "/items/1")).code == "unavailable"
        monkeypatch.undo()
        await proxy.runtime.gate.drain()
        assert origin.requests == []
        assert await proxy.runtime.desk.store.run(_rows) == []
        assert (await proxy.request("GET", "/items/1")).status == 200


@pytest.mark.parametrize(("pattern", "size", "aside"), [("hush", 10, False), ("a.{0,50}z", 9_000, True)])
async def test_what_patterns_may_take_long_for_is_decided_aside(
    start: Any, monkeypatch: pytest.MonkeyPatch, pattern: str, size: int, aside: bool
) -> None:
    """The event loop serves all agents; RE2 lets it go on meanwhile."""
    import threading

    from wharfinger.rules.policies import patterns

    seen: list[bool] = []
    searched = patterns.searched

    def noting(*given: Any) -> Any:
        seen.append(threading.current_thread() is not threading.main_thread())
        return searched(*given)

    monkeypatch.setattr(patterns, "searched", noting)
    policy = f"policy: everyday\ntools: [create_item]\ndeny_patterns: ['{pattern}']\n"
    async with start({"policies/everyday.yaml": policy}) as proxy:
        body = b'{"name": "%b"}' % (b"x" * size)
        assert (await proxy.request("POST", "/items", JSON, body)).status == 200
    assert seen == [aside]


# The emergency deny list, and reviews.


async def test_a_denial_acts_at_once_and_closes_what_is_open(start: Any, origin: Any, reply: Any) -> None:
    from wharfinger.rules.policies.denials import Denial

    async with start() as proxy:
        origin.answer = lambda _seen: reply(chunks=[b"data: 1\n\n"] * 100, delay=0.05)
        tunnel = await proxy.connect()
        tunnel.writer.write(proxy.raw("GET", "/items/1"))
        await tunnel.reader.readuntil(b"data: 1\n\n")
        proxy.runtime.live.deny([Denial("deny_1", tool="get_*", because="the API leaks")])
        rest = await asyncio.wait_for(tunnel.reader.read(), 5)
        assert not rest.endswith(b"0\r\n\r\n")
        answered = await proxy.request("GET", "/items/1")
        assert (answered.status, answered.code) == (403, "denied")
        assert "The API leaks" in answered.json["message"]
        origin.answer = lambda _seen: reply()
        body = b'{"name": "x"}'
        assert (await proxy.request("POST", "/items", JSON, body)).status == 200
        proxy.runtime.live.deny([])
        assert (await proxy.request("GET", "/items/1")).status == 200


async def test_a_denial_holds_from_the_first_request_after_a_restart(start: Any, origin: Any) -> None:
    from wharfinger.keeping import denials
    from wharfinger.rules.policies.denials import Denial

    async with start() as proxy:
        desk = proxy.runtime.desk
        await desk.store.run(denials.add, Denial("", host="api.example.com"), desk.clock.now())
        assert (await proxy.request("GET", "/items/1")).status == 200, "positive control: not told yet"
    async with start() as proxy:
        assert (await proxy.request("GET", "/items/1")).status == 403


async def test_a_denial_between_decision_and_first_byte_holds(start: Any, origin: Any) -> None:
    from wharfinger.rules.policies.denials import Denial

    async with start() as proxy:
        origin.hold_handshake = asyncio.Event()
        tunnel = await proxy.connect()
        asking = asyncio.get_running_loop().create_task(tunnel.request("GET", "/items/1"))
        while origin.connections == 0:
            await asyncio.sleep(0.01)
        proxy.runtime.live.deny([Denial("deny_1", host="api.example.com")])
        origin.hold_handshake.set()
        assert (await asking).status == 403
        assert origin.requests == []


async def test_a_call_under_review_is_queued_with_its_outcome(start: Any, origin: Any) -> None:
    policy = POLICY.replace("  - tool: get_item\n", "  - {tool: get_item, review: true}\n")
    async with start({"policies/everyday.yaml": policy}) as proxy:
        answered = await proxy.request("GET", "/items/7")
        events = await proxy.events(answered.decision)
        assert events[0]["review"] is True
        reviews = proxy.runtime.desk.reviews
        (row,) = await reviews.list()
        assert (row["decision"], row["outcome"], row["status"]) == (answered.decision, "completed", 200)
        assert row["request"]["calls"][0]["inputs"] == {"id": "7"}
        await reviews.done(answered.decision, "alice", "fine")
        assert await reviews.list() == []
        (kept,) = await reviews.list(everything=True)
        assert (kept["person"], kept["comment"]) == ("alice", "fine")


async def test_where_all_policies_observe_the_request_passes_and_the_book_has_the_verdict(
    start: Any, origin: Any
) -> None:
    from datetime import UTC, datetime, timedelta

    until = (datetime.now(UTC) + timedelta(days=3)).strftime("%Y-%m-%d")
    policy = POLICY.replace("description:", f"mode: observe\nuntil: {until}\ndescription:")
    async with start({"policies/everyday.yaml": policy}) as proxy:
        answered = await proxy.request("DELETE", "/items/1")
        assert answered.status == 200
        (intent, _) = await proxy.events(answered.decision)
        assert (intent["verdict"], intent["observed"]) == (Verdict.ALLOW, "deny")
        assert intent["observed_reason"] == "items are kept"
        assert "credentials" not in intent
        (seen,) = origin.requests
        assert "authorization" not in {name.lower() for name, _ in seen.headers}


async def test_what_is_open_is_decided_again_once_a_policy_no_longer_only_observes(
    start: Any, origin: Any, reply: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a second, and without anyone doing anything: the time of `until` has come."""
    from datetime import UTC, datetime, timedelta

    until = datetime.now(UTC) + timedelta(days=3)
    policy = POLICY.replace("description:", f"mode: observe\nuntil: {until:%Y-%m-%d}\ndescription:")
    async with start({"policies/everyday.yaml": policy}) as proxy:
        origin.answer = lambda _seen: reply(chunks=[b"data: 1\n\n"] * 100, delay=0.05)
        tunnel = await proxy.connect()
        tunnel.writer.write(proxy.raw("DELETE", "/items/1"))
        await tunnel.reader.readuntil(b"data: 1\n\n")
        generation = proxy.runtime.live.generation
        proxy.runtime.live.pass_time()
        assert proxy.runtime.live.generation == generation, "nothing has changed"
        monkeypatch.setattr(proxy.runtime.live._clock, "now", lambda: until)
        rest = await asyncio.wait_for(tunnel.reader.read(), 5)
        assert not rest.endswith(b"0\r\n\r\n")
        assert proxy.runtime.live.generation == generation + 1
        (outcome,) = [event for event in await proxy.settled() if event["kind"] == "outcome"]
        assert outcome["reason"] == "cut off: items are kept"


def _rows(connection: Any) -> list[Any]:
    return list(connection.execute("SELECT * FROM limit_counts"))


def _keys(proxy: Any) -> list[Any]:
    from wharfinger.rules.policies.limits import every

    policies = proxy.runtime.live.configuration.policies
    return [(m.key, m.rate.window) for _, m in every(p.limits for p in policies.values())]
